package supervisor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestUntilIdle(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		counts []int // the last one for ever; below 0: an error
		idle   bool
		err    error
		after  time.Duration
	}{
		{"nobody ever came", []int{0}, true, nil, 5 * time.Second},
		{"a client begins the time anew", []int{0, 0, 0, 0, 1, 0}, true, nil, 10 * time.Second},
		{"it cannot be counted", []int{1, 0, -1, 0}, false, broken, 3 * time.Second},
		{"a client stays until the run ends", []int{1}, false, nil, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begun, looks := time.Now(), 0
				idle, err := untilIdle(ctx, 4*time.Second, func() (int, error) {
					n := c.counts[min(looks, len(c.counts)-1)]
					if looks++; n < 0 {
						return 0, broken
					}
					return n, nil
				})
				if took := time.Since(begun); idle != c.idle || err != c.err || took != c.after {
					t.Errorf("idle %v, error %v after %s; want %v, %v after %s", idle, err, took, c.idle, c.err, c.after)
				}
			})
		})
	}
}
