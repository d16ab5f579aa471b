package probe

import (
	"context"
	"time"

	"supervise/internal/config"
)

// Ready looks until the service is ready, the first time at once, and reports
// each look. It returns after the look that was well, or when ctx ends, of
// which it reports nothing.
func Ready(ctx context.Context, p *config.Probe, run Runner, report func(error)) {
	for ctx.Err() == nil {
		err := Look(ctx, p, run)
		if ctx.Err() != nil {
			return
		}
		if report(err); err == nil || !pause(ctx, p.Interval) {
			return
		}
	}
}

// Health looks for as long as the service runs, the first time after the delay,
// and reports each look. It returns when ctx ends, of which it reports nothing.
func Health(ctx context.Context, h *config.Health, run Runner, report func(error)) {
	for wait := h.Delay; pause(ctx, wait); wait = h.Probe.Interval {
		err := Look(ctx, &h.Probe, run)
		if ctx.Err() != nil {
			return
		}
		report(err)
	}
}

// pause waits, and says whether there is still something to wait for.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
