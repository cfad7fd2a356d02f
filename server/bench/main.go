// Command bench measures a running server from outside: server CPU per operation, rates, latencies and memory. It starts
// the stile binary it is given on an empty directory with the embedded, durable store, and stops it again.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"
)

func main() {
	stile := flag.String("stile", "./stile", "the binary to measure")
	seconds := flag.Float64("seconds", 3, "how long each operation is repeated")
	callers := flag.Int("callers", 16, "parallel callers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measure(ctx, *stile, time.Duration(*seconds*float64(time.Second)), *callers); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, binary string, during time.Duration, callers int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	born := time.Now()
	s, err := start(ctx, binary)
	if err != nil {
		return err
	}
	defer s.stop()
	out := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "start to first healthy answer\t%.0f ms\t\t(aim 100 ms)\t\n", float64(s.started.Microseconds())/1000)
	if err := sleep(ctx, 2*time.Second); err != nil {
		return err
	}
	idle, err := s.memory()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "idle memory, children included\t%.1f MiB\t%d processes\t(aim 35 MiB)\t\n", mib(idle.resident), idle.processes)
	if err := checkTimes(out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Println()
	fmt.Fprintf(out, "operation\tops\trate/s\tp50\tp99\tserver CPU/op\taim\tmemory\t\n")
	if wait := 11*time.Second - time.Since(born); wait > 0 { // assertions are taken once the store is old enough to know which were used
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	for _, op := range operations() {
		r, err := s.load(ctx, op, during, callers)
		if err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
		fmt.Fprintf(out, "%s\t%d\t%.0f\t%s\t%s\t%.0f µs\t%s\t%.0f MiB\t\n", op.name, r.count, r.rate, r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond),
			float64(r.cpu.Microseconds()), op.aim, mib(r.memory))
		if err := out.Flush(); err != nil {
			return err
		}
	}
	fmt.Println()
	if err := s.inFlight(ctx, out, 2000, callers); err != nil {
		return err
	}
	if err := hostile(ctx, out, binary); err != nil {
		return err
	}
	return out.Flush()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
