package pace

import (
	"testing"
	"time"
)

func TestOnlyShortReadsInAQuickRowArePausedFor(t *testing.T) {
	begin := time.Unix(1000, 0)
	var p Pace
	for i, turn := range []struct {
		at   time.Duration // since begin
		read int
		want time.Duration
	}{
		{0, 100, 0}, // the first after a rest
		{10 * time.Microsecond, 100, pause},
		{pause + 20*time.Microsecond, 5000, pause}, // at once after the pause
		{2*pause + 40*time.Microsecond, enough, 0}, // a lot
		{2*pause + 50*time.Microsecond, 0, 0},      // something else to do
		{2*pause + 60*time.Microsecond, 100, pause},
		{4*pause + 60*time.Microsecond, 100, 0}, // after a rest
		{6 * pause, 100, 0},
	} {
		if got := p.After(begin.Add(turn.at), turn.read); got != turn.want {
			t.Errorf("turn %d: pauses for %v, want %v", i, got, turn.want)
		}
	}
}
