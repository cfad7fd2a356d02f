package redis

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Birth is when the store began to remember. The key that keeps it also names the run ids of all masters: a flush takes the
// key away, and a restart or a failover to a replica (which may miss what was written last, though it has the key) brings a
// server with another run id. Either way the birth becomes the present. In a cluster, any master's change does.
func (s *Store) Birth(ctx context.Context) (time.Time, error) {
	var mu sync.Mutex
	var ids []string
	err := s.each(ctx, func(ctx context.Context, node *redis.Client) error {
		info, err := node.Info(ctx, "server").Result()
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, field(info, "run_id"))
		return nil
	})
	if err != nil {
		return time.Time{}, wrap("birth", err)
	}
	slices.Sort(ids)
	micros, err := s.scripts.birth.Run(ctx, s.client, []string{s.prefix + "birth"}, strings.Join(ids, " "), s.now().UnixMicro()).Int64()
	if err != nil {
		return time.Time{}, wrap("birth", err)
	}
	return time.UnixMicro(micros).UTC(), nil
}
