package reaper

import "testing"

// FuzzSetupReport: whatever the step in the child has written, something was
// wrong, and there are words for it.
func FuzzSetupReport(f *testing.F) {
	f.Add([]byte("127 starting x: no such file or directory"))
	f.Add([]byte("125 "))
	f.Add([]byte("panic: x\n\ngoroutine 1"))
	f.Add([]byte("999999 x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return // it was executed
		}
		if e := setupFailure(b, nil); e.Err == nil || e.Error() == "" || e.Status < 1 || e.Status > 255 {
			t.Errorf("%q: %+v", b, e)
		}
	})
}
