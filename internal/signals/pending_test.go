package signals

import (
	"slices"
	"testing"
)

func TestPendingHandsOutAsSigwait(t *testing.T) {
	var p Pending
	for _, s := range []Signal{TERM, RTMIN + 1, CHLD, TERM, RTMIN + 1, HUP, CHLD, 0, 65} {
		p.arrive(s)
	}
	var got []Signal
	for s, ok := p.next(); ok; s, ok = p.next() {
		got = append(got, s)
	}
	if want := []Signal{HUP, TERM, CHLD, RTMIN + 1, RTMIN + 1}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
