package upward

import "testing"

// FuzzWatchdog: what our parent asks for is a time that can be kept, none, or an
// error.
func FuzzWatchdog(f *testing.F) {
	f.Add("30000000", "")
	f.Add("30000000", "812")
	f.Add("-1", "x")
	f.Add("9223372036854775807", "812")
	f.Fuzz(func(t *testing.T, usec, pid string) {
		d, err := watchdog(usec, pid, 812)
		if d < 0 || d > maxWatchdog || err != nil && d != 0 || d != 0 && pid != "" && pid != "812" {
			t.Errorf("%v, %v", d, err)
		}
	})
}
