package redis

import "github.com/redis/go-redis/v9"

// The scripts. Numbers in them are doubles, exact to 2^53: microseconds since 1970 fit until the year 2255. Lua writes large ones
// with an exponent, hence the formatting.
type scripts struct{ get, put, once, take, birth *redis.Script }

func newScripts() scripts {
	return scripts{
		get: redis.NewScript(`
local v = redis.call('HMGET', KEYS[1], 'v', 'n', 'e')
if not v[1] or tonumber(v[3]) <= tonumber(ARGV[1]) then return false end
return {v[1], tonumber(v[2])}`),

		put: redis.NewScript(`
local old = redis.call('HMGET', KEYS[1], 'n', 'e')
local version = 0
if old[1] and tonumber(old[2]) > tonumber(ARGV[3]) then version = tonumber(old[1]) end
if version ~= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'n', string.format('%.0f', version + 1), 'e', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return version + 1`),

		once: redis.NewScript(`
local old = redis.call('GET', KEYS[1])
if old and tonumber(old) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`),

		// take answers 0, or the wait in microseconds.
		take: redis.NewScript(`
local now, step, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
if full + step > now + window then
  if full < now then full = now end
  return math.max(full + step - window - now, 1)
end
if full < now then full = now end
full = full + step
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return 0`),

		// birth keeps when the store began to remember, for the servers it began on. Fresh servers mean a fresh beginning.
		birth: redis.NewScript(`
local old = redis.call('HMGET', KEYS[1], 's', 'b')
if old[1] == ARGV[1] then return tonumber(old[2]) end
redis.call('HSET', KEYS[1], 's', ARGV[1], 'b', ARGV[2])
return tonumber(ARGV[2])`),
	}
}
