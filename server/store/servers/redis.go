//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
)

// redises is the one Redis of this test process; where is its address.
var redises shared

const logical = 4096 // logical databases

// Redis gives the URL of an empty logical database of the one server of this test process.
func Redis(t testing.TB) string {
	t.Helper()
	binary := find(t, "redis-server", "redis-server")
	redises.once.Do(func() { _, redises.where, redises.err = startRedis(binary) })
	if redises.err != nil {
		t.Fatalf("start Redis: %v", redises.err)
	}
	redises.mu.Lock()
	defer redises.mu.Unlock()
	if redises.used == logical {
		t.Fatalf("more than %d Redis databases in one test process", logical)
	}
	redises.used++
	return fmt.Sprintf("redis://%s/%d", redises.where, redises.used-1)
}

// RedisAlone starts a server for one test. stop kills it, as a crash would; the test's end does otherwise.
func RedisAlone(t testing.TB, options ...string) (url string, stop func()) {
	t.Helper()
	s, where, err := startRedis(find(t, "redis-server", "redis-server"), options...)
	if err != nil {
		t.Fatalf("start Redis: %v", err)
	}
	t.Cleanup(s.stop)
	return "redis://" + where, s.stop
}

// RedisCluster starts a cluster of one node for one test: it refuses what cannot work in a cluster of many.
func RedisCluster(t testing.TB) string {
	t.Helper()
	url, _ := RedisAlone(t, "--cluster-enabled", "yes")
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.ClusterAddSlotsRange(ctx, 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for {
		info, err := c.ClusterInfo(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(info) > 16 && info[:16] == "cluster_state:ok" {
			return url
		}
	}
}

func startRedis(binary string, options ...string) (*server, string, error) {
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return nil, "", err
	}
	var last error
	for range 5 { // somebody may take the port between our looking and its listening
		port, err := freePort()
		if err != nil {
			return nil, "", err
		}
		args := []string{"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no", "--databases", fmt.Sprint(logical)}
		if len(options) > 0 {
			args = append(args[:len(args)-2], options...)
		}
		s, err := start(dir, nil, binary, args...)
		if err != nil {
			return nil, "", errors.Join(err, os.RemoveAll(dir))
		}
		where := "127.0.0.1:" + port
		c := redis.NewClient(&redis.Options{Addr: where, MaxRetries: -1})
		last = s.await(func() error { return c.Ping(context.Background()).Err() })
		if last = errors.Join(last, c.Close()); last == nil {
			return s, where, nil
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, "", err
		}
	}
	return nil, "", last
}
