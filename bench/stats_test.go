package main

import (
	"math"
	"slices"
	"testing"
)

func TestMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		given := slices.Clone(c.values)
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
		if !slices.Equal(given, c.values) {
			t.Errorf("median changed the order of %v to %v", given, c.values)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
}

func TestQuantileLiesBetweenItsNeighbours(t *testing.T) {
	hundred := make([]float64, 101)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for q, want := range map[float64]float64{0: 0, 0.99: 99, 0.995: 99.5, 1: 100} {
		if got := quantile(hundred, q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile(0..100, %v) = %v, want %v", q, got, want)
		}
	}
}

func TestSpreadIsAShareOfTheMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{7}, 0},
		{[]float64{0, 0, 5}, 0},
		{[]float64{9, 10, 12}, 0.3},
	} {
		if got := spread(c.values); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("spread(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestRotateHasEachItemOnceAndAnotherFirst(t *testing.T) {
	items := []string{"a", "b", "c"}
	for turn, want := range [][]string{{"a", "b", "c"}, {"b", "c", "a"}, {"c", "a", "b"}, {"a", "b", "c"}} {
		if got := rotate(items, turn); !slices.Equal(got, want) {
			t.Errorf("turn %d: %v, want %v", turn, got, want)
		}
	}
	if got := rotate([]string(nil), 3); got != nil {
		t.Errorf("rotating nothing gave %v", got)
	}
}
