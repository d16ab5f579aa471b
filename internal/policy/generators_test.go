package policy

import (
	"time"

	"pgregory.net/rapid"
)

// sensible is a backoff that a configuration would let through.
func sensible(t *rapid.T) Backoff {
	b := Backoff{
		Initial: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "initial")),
		Factor:  rapid.Float64Range(1, 10).Draw(t, "factor"),
		Jitter:  rapid.Float64Range(0, 1).Draw(t, "jitter"),
	}
	b.Max = b.Initial + time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "more for max"))
	if rapid.IntRange(0, 3).Draw(t, "one in four is a list") == 0 {
		b.Delays = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "delay"))
		}), 1, 6).Draw(t, "delays")
	}
	return b
}

// any64 is a backoff of any numbers at all, those that no configuration lets
// through included.
func any64(t *rapid.T) Backoff {
	return Backoff{
		Initial: time.Duration(rapid.Int64().Draw(t, "initial")),
		Factor:  rapid.Float64().Draw(t, "factor"),
		Max:     time.Duration(rapid.Int64().Draw(t, "max")),
		Jitter:  rapid.Float64().Draw(t, "jitter"),
		Delays: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64().Draw(t, "delay"))
		}), 0, 3).Draw(t, "delays"),
	}
}

// windows is a restart policy with a small limit, so that it is often met.
func windows(t *rapid.T) Restart {
	return Restart{
		When:       rapid.SampledFrom([]When{Always, OnFailure}).Draw(t, "when"),
		Backoff:    sensible(t),
		ResetAfter: time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "reset after")),
		Limit:      rapid.IntRange(0, 6).Draw(t, "limit"),
		Within:     time.Duration(rapid.Int64Range(0, int64(4*time.Hour)).Draw(t, "within")),
		Success:    Success{Codes: []int{0}},
	}
}
