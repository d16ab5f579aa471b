package slim

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRestComesOnceAfterTheLastThatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var released []time.Duration
		began := time.Now()
		r := NewRest(time.Second, time.Minute, func() { released = append(released, time.Since(began)) })
		r.Happened() // before its beginning: nothing to wait for
		r.Begin()
		for range 5 {
			time.Sleep(900 * time.Millisecond)
			r.Happened()
		}
		time.Sleep(time.Hour)
		r.Happened() // it was done
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(released) != 1 || released[0] != 5500*time.Millisecond {
			t.Errorf("released at %v, want once at 5.5s", released)
		}
		r.Begin()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(released) != 2 {
			t.Errorf("released %d times, want a second time after a second beginning", len(released))
		}
	})
}

func TestRestIsNotPutOffForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var released []time.Duration
		began := time.Now()
		r := NewRest(time.Second, 10*time.Second, func() { released = append(released, time.Since(began)) })
		r.Begin()
		for range 100 {
			time.Sleep(500 * time.Millisecond)
			r.Happened()
		}
		synctest.Wait()
		if len(released) != 1 || released[0] != 10*time.Second {
			t.Errorf("released at %v, want once at 10s", released)
		}
	})
}

// garbage is what a start leaves.
var garbage [][]byte

func TestGarbageOfAStartGoes(t *testing.T) {
	for range 1000 {
		garbage = append(garbage, make([]byte, 16<<10))
	}
	for i := range garbage {
		for j := 0; j < len(garbage[i]); j += 4096 {
			garbage[i][j] = 1
		}
	}
	before := anonymous(t)
	garbage = nil
	All()
	if after := anonymous(t); after > before-4<<10 { // of 16 MB; the race detector keeps some
		t.Errorf("%d KiB before, %d after", before, after)
	}
}
