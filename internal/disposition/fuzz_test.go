package disposition

import (
	"strings"
	"testing"
)

// What a process calls itself is its own business.
func FuzzKindOf(f *testing.F) {
	f.Add("npm run start", "node")
	f.Add("busybox\x00sh", "")
	f.Add("\x00\x00", "")
	f.Add("-", "sh")
	f.Fuzz(func(t *testing.T, argv, name string) {
		switch kindOf(strings.Split(argv, "\x00"), name) {
		case other, shell, npm, python, node, java:
		default:
			t.Errorf("%q", argv)
		}
		kindOf(nil, name)
	})
}
