package main

import (
	"math"
	"slices"
)

// median is the middle value, or the mean of the two in the middle; NaN of none.
func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile gives the value below which the share q of the values lies, with
// linear interpolation between neighbours; NaN of none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 == len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// spread is how far apart the values lie, as a share of their median: 0.1 is
// "within 10 %". 0 when there is nothing to compare.
func spread(values []float64) float64 {
	m := median(values)
	if len(values) < 2 || m == 0 {
		return 0
	}
	return (slices.Max(values) - slices.Min(values)) / math.Abs(m)
}

// rotate gives the items in another order for each turn, each item once: what is
// always measured first would always meet the same cold caches.
func rotate[T any](items []T, turn int) []T {
	if len(items) == 0 {
		return nil
	}
	turn %= len(items)
	return append(slices.Clone(items[turn:]), items[:turn]...)
}
