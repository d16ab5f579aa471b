package record

import (
	"context"
	"errors"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"supervise/internal/event"
)

// The ring against a plain list of all events.
func TestRingKeepsTheLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 20).Draw(t, "size")
		r := NewRing(size)
		all := rapid.IntRange(0, 70).Draw(t, "events")
		for n := range all {
			r.Emit(event.Event{Seq: uint64(n + 1)})
		}
		kept := min(size, all)
		since := rapid.IntRange(0, 80).Draw(t, "since")
		most := rapid.IntRange(0, 30).Draw(t, "most")
		events, missed := r.Since(uint64(since), most)
		later := min(kept, max(all-since, 0))
		if len(events) != min(later, most) || int(missed) != max(all-since, 0)-later {
			t.Fatalf("%d since %d of %d: %d events, %d missed", most, since, all, len(events), missed)
		}
		for i, e := range events {
			if want := uint64(all - later + i + 1); e.Seq != want {
				t.Fatalf("event %d since %d is %d, want %d", i, since, e.Seq, want)
			}
		}
		if r.Newest() != uint64(all) {
			t.Fatalf("the newest of %d is %d", all, r.Newest())
		}
		n := rapid.IntRange(0, 80).Draw(t, "last")
		last := r.Last(n)
		if len(last) != min(n, kept) {
			t.Fatalf("the last %d of %d: %d events", n, kept, len(last))
		}
		for i, e := range last {
			if want := uint64(all - len(last) + i + 1); e.Seq != want {
				t.Fatalf("event %d of the last is %d, want %d", i, e.Seq, want)
			}
		}
	})
}

func TestFollowersMissNothingOrAreTold(t *testing.T) {
	const all = 5000
	r := NewRing(64)
	var followers sync.WaitGroup
	for range 4 {
		followers.Go(func() {
			var last, seen, lost uint64
			for last < all {
				if err := r.Wait(t.Context(), last); err != nil {
					t.Error(err)
					return
				}
				events, missed := r.Since(last, 50)
				for i, e := range events {
					if want := last + missed + uint64(i) + 1; e.Seq != want {
						t.Errorf("got %d, want %d", e.Seq, want)
						return
					}
				}
				seen, lost = seen+uint64(len(events)), lost+missed
				last = events[len(events)-1].Seq
			}
			if seen+lost != all {
				t.Errorf("%d seen, %d missed of %d", seen, lost, all)
			}
		})
	}
	for n := range all {
		r.Emit(event.Event{Seq: uint64(n + 1)})
	}
	followers.Wait()
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewRing(4).Wait(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
