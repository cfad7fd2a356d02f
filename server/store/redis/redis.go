// Package redis is the transient store of a cluster: Redis 7.0 or Valkey, alone or as a cluster. Every script touches one
// key only, so keys may lie on any node.
package redis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/stile-id/stile/engine/transient"
)

// Options say which Redis to use.
type Options struct {
	URL     string           // redis://, rediss:// or unix://; of a cluster any node, and more of them as ?addr=host:port
	Cluster bool             // the URL names nodes of a cluster
	Prefix  string           // before every key, when Redis is shared; at most 50 bytes
	Now     func() time.Time // nil: time.Now. For the birth, whose port carries no time
}

// Store implements transient.Store on Redis. Expiry is a stored time compared with the caller's clock; Redis's own expiry only
// clears up behind it.
type Store struct {
	client  redis.UniversalClient
	scripts scripts
	prefix  string
	now     func() time.Time
}

var _ transient.Store = (*Store)(nil)

const maxPrefix = 50

// Open connects and checks that this Redis keeps what it is given: one that may evict keys under pressure would forget what was
// used once.
func Open(ctx context.Context, o Options) (*Store, error) {
	if len(o.Prefix) > maxPrefix {
		return nil, fmt.Errorf("open redis: the prefix has more than %d bytes", maxPrefix)
	}
	client, err := connect(o)
	if err != nil {
		return nil, fmt.Errorf("open redis: %w", err)
	}
	s := &Store{client: client, scripts: newScripts(), prefix: o.Prefix, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.each(ctx, keeps); err != nil {
		return nil, fmt.Errorf("open redis: %w", errors.Join(err, client.Close()))
	}
	return s, nil
}

func connect(o Options) (redis.UniversalClient, error) {
	if o.Cluster {
		c, err := redis.ParseClusterURL(o.URL)
		if err != nil {
			return nil, errors.New("its cluster URL cannot be read") // it may hold a password
		}
		c.ContextTimeoutEnabled = true
		return redis.NewClusterClient(c), nil
	}
	c, err := redis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New("its URL cannot be read")
	}
	c.ContextTimeoutEnabled = true
	return redis.NewClient(c), nil
}

// keeps refuses a node that evicts.
func keeps(ctx context.Context, node *redis.Client) error {
	info, err := node.Info(ctx, "memory").Result()
	if err != nil {
		return err
	}
	policy := field(info, "maxmemory_policy")
	if limit := field(info, "maxmemory"); limit != "0" && policy != "noeviction" {
		return fmt.Errorf("maxmemory-policy is %q; it must be noeviction, or what was used once could be used again", policy)
	}
	return nil
}

// field reads one line of INFO.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// each asks every master.
func (s *Store) each(ctx context.Context, ask func(context.Context, *redis.Client) error) error {
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, ask)
	case *redis.Client:
		return ask(ctx, c)
	}
	return fmt.Errorf("unknown client %T", s.client)
}

// Ping reports whether Redis answers.
func (s *Store) Ping(ctx context.Context) error {
	return wrap("ping", s.client.Ping(ctx).Err())
}

// Close ends all connections.
func (s *Store) Close() error { return s.client.Close() }

// Get reads a value that has not expired.
func (s *Store) Get(ctx context.Context, key string, now time.Time) (transient.Item, error) {
	r, err := s.scripts.get.Run(ctx, s.client, s.key("v", key), now.UnixMicro()).Slice()
	if errors.Is(err, redis.Nil) {
		return transient.Item{}, fmt.Errorf("get: %w", transient.ErrAbsent)
	}
	if err != nil {
		return transient.Item{}, wrap("get", err)
	}
	value, isText := r[0].(string)
	version, isNumber := r[1].(int64)
	if !isText || !isNumber {
		return transient.Item{}, errors.New("get: not what Put wrote")
	}
	return transient.Item{Value: []byte(value), Version: version}, nil
}

// Put compares the version where it writes, in one script.
func (s *Store) Put(ctx context.Context, key string, value []byte, was int64, now, expires time.Time) (int64, error) {
	if err := transient.Fits(key, value); err != nil {
		return 0, wrap("put", err)
	}
	version, err := s.scripts.put.Run(ctx, s.client, s.key("v", key), value, was, now.UnixMicro(), expires.UnixMicro(), left(now, expires)).Int64()
	if err == nil && version == 0 {
		err = transient.ErrChanged
	}
	return version, wrap("put", err)
}

// Delete removes a key.
func (s *Store) Delete(ctx context.Context, key string) error {
	return wrap("delete", s.client.Del(ctx, s.key("v", key)[0]).Err())
}

// Once remembers the key, in one script: the first that comes sets it.
func (s *Store) Once(ctx context.Context, key string, now, expires time.Time) (first bool, err error) {
	if err := transient.Fits(key, nil); err != nil {
		return false, wrap("once", err)
	}
	n, err := s.scripts.once.Run(ctx, s.client, s.key("o", key), now.UnixMicro(), expires.UnixMicro(), left(now, expires)).Int64()
	return n == 1, wrap("once", err)
}

// Take is transient.Limit's formula in one script, with the caller's clock.
func (s *Store) Take(ctx context.Context, key string, l transient.Limit, now time.Time) (ok bool, wait time.Duration, err error) {
	step, window, err := l.Pace()
	if err == nil {
		err = transient.Fits(key, nil)
	}
	if err != nil {
		return false, 0, wrap("take", err)
	}
	n, err := s.scripts.take.Run(ctx, s.client, s.key("r", key), now.UnixMicro(), step.Microseconds(), window.Microseconds()).Int64()
	if err != nil {
		return false, 0, wrap("take", err)
	}
	return n == 0, time.Duration(n) * time.Microsecond, nil
}

// key names a value, a single use or a rate. Each kind has a letter of its own, so none is taken for another.
func (s *Store) key(kind, key string) []string { return []string{s.prefix + kind + ":" + key} }

// left is how long Redis is to keep a key, in milliseconds, rounded up: the stored time decides, this only clears up.
func left(now, expires time.Time) int64 {
	d := expires.Sub(now)
	if d <= 0 {
		return 1
	}
	return min(d.Milliseconds()+1, math.MaxInt32*int64(1000))
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redis: %s: %w", what, err)
}
