package reaper

import (
	"errors"
	"testing"
)

// The owner takes results only when it has made all its requests, as it does
// when thousands of services start together.
func TestStartNeverWaitsForResultsToBeTaken(t *testing.T) {
	const starts = 5000
	results := make(chan Started)
	r := New(nil, nil, func(s Started) { results <- s })
	defer r.Close()
	for i := range starts {
		r.Start(i, func() (Image, error) { return Image{}, errors.New("no") })
	}
	for i := range starts {
		s := <-results
		if s.Key != i || s.Err == nil {
			t.Fatalf("result %d is %+v", i, s)
		}
		r.Register(s)
	}
	if r.starting != 0 || len(r.known) != 0 {
		t.Errorf("%d starts under way, %d children, want none", r.starting, len(r.known))
	}
}

func TestRequestsAreTakenBeforeTheQueueEnds(t *testing.T) {
	q := newQueue()
	q.put(request{key: 1})
	q.put(request{key: 2})
	q.close()
	for want := 1; want <= 2; want++ {
		if r, ok := q.take(); !ok || r.key != want {
			t.Errorf("took %v, %v, want %d", r.key, ok, want)
		}
	}
	if r, ok := q.take(); ok {
		t.Errorf("took %v from a queue that has ended", r.key)
	}
}
