package record

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"supervise/internal/event"
	"supervise/internal/logs"
	"supervise/internal/signals"
)

// sent is an event with all that a recorder adds.
func sent() event.Event {
	return event.Event{
		Seq: 63, Time: time.Unix(1000, 0), Mono: time.Hour, Name: event.SignalSent, Service: "web", PID: 41, Signal: signals.QUIT, Was: signals.TERM, To: "group 41", Of: 62,
		From:    &signals.Received{Signal: signals.TERM, PID: 812, UID: 1000},
		Targets: []event.Target{{PID: 41, Name: "nginx", Disposition: event.Caught}, {PID: 42, Name: "nginx", Disposition: event.Caught}},
	}
}

// counted tells how many lines were written, after each write.
type counted struct {
	*File
	lines chan int
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.File.Write(b)
	c.lines <- bytes.Count(b, []byte("\n"))
	return n, err
}

// BenchmarkTrace is what an event costs on its way into a file: to whoever
// emits it, and with the goroutine that writes.
func BenchmarkTrace(b *testing.B) {
	open := func(b *testing.B) (*logs.Log, *File) {
		f, err := Create(filepath.Join(b.TempDir(), "trace"), NewHeader("v1"), func(err error) { b.Error(err) })
		if err != nil {
			b.Fatal(err)
		}
		return logs.New(f, logs.JSON{}, func(event.Name) bool { return true }), f
	}
	b.Run("emit", func(b *testing.B) {
		log, _ := open(b)
		e := sent()
		for b.Loop() {
			log.Emit(e)
		}
		b.StopTimer()
		log.Close()
	})
	b.Run("a hundred at once", func(b *testing.B) { // until all of them are in the file
		_, f := open(b)
		out := counted{f, make(chan int, 100)}
		log := logs.New(out, logs.JSON{}, func(event.Name) bool { return true })
		e := sent()
		for b.Loop() {
			for range 100 {
				log.Emit(e)
			}
			for written := 0; written < 100; {
				written += <-out.lines
			}
		}
		b.StopTimer()
		log.Close()
	})
	b.Run("write", func(b *testing.B) {
		_, f := open(b)
		e := sent()
		var buf []byte
		for b.Loop() {
			buf = (logs.JSON{}).Event(buf[:0], &e)
			_, _ = f.Write(buf)
		}
	})
	b.Run("ring", func(b *testing.B) {
		r, e := NewRing(1<<16), sent()
		for b.Loop() {
			e.Seq++
			r.Emit(e)
		}
	})
}
