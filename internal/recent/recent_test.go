package recent

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A ring against a plain list of all records: what a reader gets and what it
// is told to have lost is all there was, in order.
func TestReadersGetEveryByteOrAreToldItIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBudget(rapid.Int64Range(0, 3*MaxRing).Draw(t, "budget"))
		r := NewRing(b)
		other := NewRing(b) // takes from the same
		var all []byte
		c, read, lost := r.Begin(), 0, 0
		look := func() {
			for {
				records, n := c.Next()
				if n < 0 || n > len(all)-read {
					t.Fatalf("%d of %d bytes are said to be lost at %d", n, len(all), read)
				}
				read, lost = read+n, lost+n
				for _, rec := range records {
					if !bytes.Equal(rec.Text, all[read:read+len(rec.Text)]) {
						t.Fatalf("other bytes at %d", read)
					}
					if want := time.Unix(0, 77); !rec.Time.Equal(want) {
						t.Fatalf("time %v, want %v", rec.Time, want)
					}
					read += len(rec.Text)
				}
				if len(records) == 0 {
					return
				}
			}
		}
		for i := range rapid.IntRange(0, 60).Draw(t, "steps") {
			n := rapid.OneOf(rapid.IntRange(0, 200), rapid.IntRange(0, MaxRing+20)).Draw(t, "size")
			text := bytes.Repeat([]byte{byte('a' + i)}, n)
			all = append(all, text...)
			if rapid.Bool().Draw(t, "stream") {
				r.AddStream(time.Unix(0, 77), text)
			} else {
				r.Add(time.Unix(0, 77), false, text)
			}
			if rapid.IntRange(0, 3).Draw(t, "other") == 0 {
				other.Add(time.Now(), true, text)
			}
			if len(r.buf) > MaxRing {
				t.Fatalf("it takes %d bytes", len(r.buf))
			}
			if rapid.IntRange(0, 4).Draw(t, "look") == 0 {
				look()
			}
		}
		look()
		if read != len(all) {
			t.Fatalf("%d of %d bytes read or lost", read, len(all))
		}
		if lost > 0 && len(all) < minRing/8 {
			t.Fatal("lost though there was room")
		}
		r.Close()
		other.Close()
		if records, _ := r.Begin().Next(); len(records) > 0 {
			t.Fatal("a closed ring has records")
		}
	})
}

func TestRingsTogetherStayNearTheBudget(t *testing.T) {
	b := NewBudget(1 << 20)
	total := 0
	for range 10_000 {
		r := NewRing(b)
		for range 100 {
			r.Add(time.Now(), false, make([]byte, 100))
		}
		total += len(r.buf)
	}
	if limit := 1<<20 + 10_000*minRing; total > limit {
		t.Errorf("10,000 rings take %d bytes, more than %d", total, limit)
	}
}

func TestWatcherIsWokenAndLeftAlone(t *testing.T) {
	r := NewRing(NewBudget(MaxRing))
	wake := make(chan struct{}, 1)
	r.Watch(wake)
	c := r.End()
	r.Add(time.Now(), false, []byte("a"))
	r.Add(time.Now(), true, []byte("b"))
	<-wake
	if got, lost := c.Next(); len(got) != 2 || string(got[0].Text) != "a" || !got[1].Part || lost != 0 {
		t.Errorf("got %v, lost %d", got, lost)
	}
	r.Leave(wake)
	r.Add(time.Now(), false, []byte("c"))
	select {
	case <-wake:
		t.Error("woken after it left")
	default:
	}
}

func TestEmptyLinesThatAreOverwrittenLoseNothing(t *testing.T) {
	r := NewRing(NewBudget(0))
	c := r.Begin()
	for range minRing { // each takes a header: most of them are overwritten
		r.Add(time.Now(), false, nil)
	}
	r.Add(time.Now(), false, []byte("the last"))
	var last Record
	for {
		records, lost := c.Next()
		if lost != 0 {
			t.Fatalf("%d bytes of text are said to be lost, and there were none", lost)
		}
		if len(records) == 0 {
			break
		}
		last = records[len(records)-1]
	}
	if string(last.Text) != "the last" {
		t.Errorf("the last line is %q", last.Text)
	}
}
