package redis_test

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	port "github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/store/redis"
	"github.com/stile-id/stile/server/store/servers"
	"github.com/stile-id/stile/server/store/suite/expect"
	transientsuite "github.com/stile-id/stile/server/store/suite/transient"
)

func open(t testing.TB, o redis.Options) *redis.Store {
	t.Helper()
	s, err := redis.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestRedis_Transient(t *testing.T) {
	transientsuite.Suite(t, func(t testing.TB) port.Store { return open(t, redis.Options{URL: servers.Redis(t)}) })
}

func TestRedis_TransientInACluster(t *testing.T) {
	url, n := servers.RedisCluster(t), 0
	transientsuite.Suite(t, func(t testing.TB) port.Store {
		n++ // a cluster has one logical database, so the prefix keeps the stores apart
		return open(t, redis.Options{URL: url, Cluster: true, Prefix: string(rune('a'+n)) + "."})
	})
}

// A store that lost anything must not vouch for the time before.
func TestRedis_BirthIsNewAfterAFlush(t *testing.T) {
	url, now := servers.Redis(t), expect.Start
	s := open(t, redis.Options{URL: url, Now: func() time.Time { return now }})
	born(t, s, expect.Start)
	now = now.Add(time.Hour)
	born(t, s, expect.Start)
	o, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(o)
	defer c.Close()
	if err := c.FlushDB(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	born(t, s, now)
}

// A replica that takes over has the birth's key, but may lack what was written last.
func TestRedis_BirthIsNewAfterAFailover(t *testing.T) {
	ctx, now := context.Background(), expect.Start
	clock := func() time.Time { return now }
	first, stop := servers.RedisAlone(t)
	second, _ := servers.RedisAlone(t)
	born(t, open(t, redis.Options{URL: first, Now: clock}), expect.Start)
	from, err := goredis.ParseURL(first)
	if err != nil {
		t.Fatal(err)
	}
	to, err := goredis.ParseURL(second)
	if err != nil {
		t.Fatal(err)
	}
	replica := goredis.NewClient(to)
	defer replica.Close()
	host, port := from.Addr[:9], from.Addr[10:] // 127.0.0.1
	if err := replica.ReplicaOf(ctx, host, port).Err(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); replica.Exists(ctx, "birth").Val() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the replica does not follow")
		}
	}
	stop()
	if err := replica.ReplicaOf(ctx, "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	born(t, open(t, redis.Options{URL: second, Now: clock}), now)
}

func TestRedis_RefusesAServerThatForgets(t *testing.T) {
	url, _ := servers.RedisAlone(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	if _, err := redis.Open(context.Background(), redis.Options{URL: url}); err == nil {
		t.Error("a Redis that evicts keys was accepted")
	}
}

func born(t *testing.T, s *redis.Store, want time.Time) {
	t.Helper()
	got, err := s.Birth(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		t.Fatalf("birth: got %v, want %v", got, want)
	}
}
