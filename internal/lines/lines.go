// Package lines finds the lines in what comes in pieces.
package lines

import "bytes"

// Max is where a line is cut: no log tool takes longer ones, and memory has to
// end somewhere.
const Max = 32 << 10

// Splitter keeps the beginning of a line until its end comes. The zero Splitter
// is ready.
type Splitter struct {
	partial []byte
	cut     bool // partial continues a line of which pieces were given out
}

// Split gives each line that ends in b, without its newline, and keeps the rest.
// A line longer than [Max] is given in pieces; part says that one continues the
// line before it. A line is valid until each returns.
func (s *Splitter) Split(b []byte, each func(line []byte, part bool)) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		piece := b
		if end >= 0 {
			piece, b = b[:end], b[end+1:]
		} else {
			b = nil
		}
		for len(s.partial)+len(piece) > Max {
			room := Max - len(s.partial)
			s.partial = append(s.partial, piece[:room]...)
			piece = piece[room:]
			each(s.partial, s.cut)
			s.partial, s.cut = s.partial[:0], true
		}
		switch {
		case end < 0:
			s.partial = append(s.partial, piece...)
		case len(s.partial) == 0:
			each(piece, s.cut)
			s.cut = false
		default:
			s.partial = append(s.partial, piece...)
			each(s.partial, s.cut)
			s.partial, s.cut = nil, false
		}
	}
	if len(s.partial) == 0 {
		s.partial = nil
	}
}

// End gives the last line if it has no newline, and begins anew.
func (s *Splitter) End(each func(line []byte, part bool)) {
	if len(s.partial) > 0 {
		each(s.partial, s.cut)
	}
	*s = Splitter{}
}

// Pending is how many bytes of a line are kept.
func (s *Splitter) Pending() int { return len(s.partial) }
