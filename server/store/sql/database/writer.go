package database

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
)

// maxGroup is how many units are committed together at most: enough to share a flush, few enough that the first does not wait long.
const maxGroup = 256

// unit is work waiting for the writer. state decides between the writer that begins it and the caller who gives up.
type unit struct {
	work  func(*Tx) error
	lone  bool // whole by itself: at most one changing statement
	state atomic.Int32
	done  chan error
	err   error // how its run inside the group went
}

const (
	waiting = iota
	taken
	abandoned
)

// submit hands work to the writer and waits for its outcome. Once the writer has begun, the outcome is awaited even if
// ctx ends: it is a matter of one flush, and nobody is left in doubt.
func (l *lite) submit(ctx context.Context, work func(*Tx) error, lone bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u := &unit{work: work, lone: lone, done: make(chan error, 1)}
	select {
	case l.queue <- u:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing:
		return ErrClosed
	}
	select {
	case err := <-u.done:
		return err
	case <-ctx.Done():
		if u.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		return <-u.done
	case <-l.finished:
		if u.state.CompareAndSwap(waiting, abandoned) {
			return ErrClosed
		}
		return <-u.done
	}
}

// write is the writer: it takes what waits, commits it together and answers, until the database is closed.
func (l *lite) write() {
	defer close(l.finished)
	group := make([]*unit, 0, maxGroup)
	for {
		select {
		case <-l.closing:
			return
		case u := <-l.queue:
			group = l.gather(group[:0], u)
			l.commit(group)
			clear(group)
		}
	}
}

// gather takes first and whatever waits behind it, without waiting for more. Whoever is about to hand work in and lacks only a processor gets one
// first, as long as that brings more: a commit costs as much for one unit as for ten, and where nobody else is ready yielding costs nothing.
func (l *lite) gather(group []*unit, first *unit) []*unit {
	had := 0
	for u := first; ; {
		if u.state.CompareAndSwap(waiting, taken) {
			group = append(group, u)
		}
		if len(group) == maxGroup {
			return group
		}
		for u = nil; u == nil; {
			select {
			case u = <-l.queue:
			default:
				if len(group) == had {
					return group
				}
				had = len(group)
				runtime.Gosched()
			}
		}
	}
}

// commit runs a group as one transaction and answers every unit. If a unit ends the transaction under way, each is run again by
// itself, so that only the one at fault suffers.
func (l *lite) commit(group []*unit) {
	if len(group) == 0 {
		return
	}
	if len(group) == 1 || !l.together(group, false) && !l.together(group, true) {
		for _, u := range group {
			u.done <- l.alone(u)
		}
		return
	}
	for _, u := range group {
		u.done <- u.err
	}
}

// together is false when the group must be run in another way, and nothing of it happened. At first no unit has a savepoint, which
// costs a third of a small unit's work; as soon as one fails, all is undone and run again with one for each, so that a failure spoils
// no neighbour. With savepoints it is false only when a unit ended the group's transaction. What keeps the transaction
// from beginning (another process writes for too long) or from being committed (the disk is full) is every unit's error: trying
// each by itself would only keep all the others waiting as many times over.
func (l *lite) together(group []*unit, guarded bool) bool {
	if err := l.control("BEGIN IMMEDIATE"); err != nil {
		return fail(group, err)
	}
	for _, u := range group {
		mark := guarded && !u.lone
		if mark && l.control("SAVEPOINT unit") != nil {
			return l.undo()
		}
		tx := &Tx{ctx: context.Background(), on: l.conn}
		u.err = run(u.work, tx)
		if tx.broken {
			return l.undo()
		}
		if !mark {
			if u.err != nil && !u.lone {
				return l.undo()
			}
			continue
		}
		if u.err != nil && l.control("ROLLBACK TO unit") != nil {
			return l.undo()
		}
		if l.control("RELEASE unit") != nil {
			return l.undo()
		}
	}
	if err := l.control("COMMIT"); err != nil {
		l.undo()
		return fail(group, err)
	}
	return true
}

// fail gives every unit the same error.
func fail(group []*unit, err error) bool {
	for _, u := range group {
		u.err = err
	}
	return true
}

// alone runs one unit as a transaction of its own.
func (l *lite) alone(u *unit) error {
	tx := &Tx{ctx: context.Background(), on: l.conn}
	if u.lone {
		return run(u.work, tx) // a single statement is its own transaction
	}
	if err := l.control("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := run(u.work, tx); err != nil {
		l.undo()
		return err
	}
	if tx.broken {
		l.undo()
		return fmt.Errorf("database: a failed statement was passed over")
	}
	if err := l.control("COMMIT"); err != nil {
		l.undo()
		return err
	}
	return nil
}

// undo ends the transaction if there is still one; the engine may have ended it before.
func (l *lite) undo() bool {
	_ = l.control("ROLLBACK") // fails when there is none, which is what we want
	return false
}

func (l *lite) control(text string) error {
	if _, err := l.conn.exec(context.Background(), text, nil); err != nil {
		return fmt.Errorf("database: %s: %w", text, err)
	}
	return nil
}

// run keeps a panic in one unit's work from ending the writer, and with it everybody's work.
func run(work func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			tx.broken = true
			err = fmt.Errorf("database: panic in a unit of work: %v", p)
		}
	}()
	return work(tx)
}
