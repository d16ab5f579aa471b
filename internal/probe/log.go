package probe

import (
	"bytes"
	"regexp"

	"supervise/internal/lines"
)

// longestLogLine is how much of a line counts.
const longestLogLine = 64 << 10

// LogMatcher looks for a line in the output of a service (kind = log). It is
// for one run and one stream; it keeps no more than one line that is not yet
// whole, and of that the first 64 KiB.
type LogMatcher struct {
	pattern *regexp.Regexp
	longest int
	line    []byte // what has come of a line
	skip    bool   // the line was long enough to be judged; the rest of it is not wanted
	found   bool
}

// NewLogMatcher makes a matcher of one pattern.
func NewLogMatcher(pattern *regexp.Regexp) *LogMatcher {
	return &LogMatcher{pattern: pattern, longest: longestLogLine}
}

// Feed takes some output, in pieces of any size, and says whether a line has
// matched now: true once, and never again. A line is judged when it is whole or
// 64 KiB long, without its end ("\n" or "\r\n").
func (m *LogMatcher) Feed(chunk []byte) bool {
	for len(chunk) > 0 && !m.found {
		line, rest, whole := bytes.Cut(chunk, []byte("\n"))
		chunk = rest
		if !m.skip && m.take(line, whole) {
			m.found, m.line = true, nil
			return true
		}
		if whole {
			m.line, m.skip = m.line[:0], false
		}
	}
	return false
}

// Hear is Feed, as a listener has it.
func (m *LogMatcher) Hear(chunk []byte) bool { return m.Feed(chunk) }

// Heard gives what has come of a line, and Resume takes it back in another matcher.
func (m *LogMatcher) Heard() *lines.Heard { return &lines.Heard{Line: m.line, Skip: m.skip} }

// Resume is the other half of Heard.
func (m *LogMatcher) Resume(h *lines.Heard) { m.line, m.skip = h.Line, h.Skip }

// take adds to the line and judges it when the time for that has come.
func (m *LogMatcher) take(part []byte, whole bool) bool {
	part = part[:min(len(part), m.longest-len(m.line))]
	line := part
	if len(m.line) > 0 || !whole && len(part) < m.longest {
		m.line = append(m.line, part...)
		line = m.line
	}
	if m.skip = len(line) == m.longest; !whole && !m.skip {
		return false
	}
	if !m.skip {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	return m.pattern.Match(line)
}
