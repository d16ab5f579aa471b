package fullscreen

import (
	"strconv"
	"strings"
)

// Difference is what turns the screen that shows one list of lines into that
// which shows another; nil for was: whatever it shows.
//
// The lines go out as one update: terminals that know mode 2026 show nothing
// half painted, others ignore it.
func Difference(was, now []string) string {
	var b strings.Builder
	if was == nil {
		b.WriteString("\x1b[m\x1b[2J")
	}
	for i := range max(len(was), len(now)) {
		line, old := "", ""
		if i < len(now) {
			line = now[i]
		}
		if i < len(was) {
			old = was[i]
		}
		if line == old {
			continue
		}
		b.WriteString("\x1b[" + strconv.Itoa(i+1) + ";1H\x1b[m\x1b[2K")
		b.WriteString(line)
	}
	if b.Len() == 0 {
		return ""
	}
	return "\x1b[?2026h" + b.String() + "\x1b[m\x1b[?2026l"
}
