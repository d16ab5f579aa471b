package config

import (
	"math"

	"supervise/internal/policy"
)

// The formula and the list of delays replace each other: the one that is
// written last, with the service rather than with the defaults, holds.

func (d *draft) useFormula() *policy.Backoff {
	b := &d.Restart.Backoff
	if b.Delays != nil {
		jitter := b.Jitter
		*b = Defaults(d.Kind).Restart.Backoff
		b.Jitter = jitter
	}
	return b
}

func (d *draft) setInitial(r *report, n *node) {
	if v, ok := length(r, n); ok {
		d.useFormula().Initial = v
	}
}

func (d *draft) setMax(r *report, n *node) {
	if v, ok := length(r, n); ok {
		d.useFormula().Max = v
	}
}

func (d *draft) setFactor(r *report, n *node) {
	if v, ok := numberWithin(1, math.MaxFloat64)(r, n); ok {
		d.useFormula().Factor = v
	}
}

func (d *draft) setDelays(r *report, n *node) {
	list, ok := elements(r, n, "lengths of time")
	if !ok {
		return
	}
	if len(list) == 0 {
		r.fail(n, "is empty", "leave it out to use initial, factor and max")
		return
	}
	var delays []duration
	for _, e := range list {
		if v, ok := length(r, e); ok {
			delays = append(delays, v)
		}
	}
	d.Restart.Backoff = policy.Backoff{Jitter: d.Restart.Backoff.Jitter, Delays: delays}
}

func (d *draft) setSuccess(r *report, n *node) {
	list, ok := elements(r, n, "exit codes and signals")
	if !ok {
		return
	}
	s := policy.Success{}
	for _, e := range list {
		if _, isCode := e.scalar.(int64); isCode {
			if code, ok := wholeWithin(0, 255)(r, e); ok {
				s.Codes = append(s.Codes, code)
			}
		} else if sig, ok := signalName(r, e); ok {
			s.Signals = append(s.Signals, sig)
		}
	}
	d.Restart.Success = s
}
