package birth

import "testing"

// The test binary is linked without the entry; what the tables hold when there
// was one is for the tests of the built binary.
func TestWithoutTheEntryTheDefaultsAreAnswered(t *testing.T) {
	if Known() || Ignored(1) || Mask() != 0 || Closed(0) {
		t.Errorf("known %t, HUP ignored %t, mask %x, stdin closed %t", Known(), Ignored(1), Mask(), Closed(0))
	}
}
