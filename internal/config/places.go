package config

import (
	"errors"
	"strings"

	"github.com/BurntSushi/toml"
)

// place says where a key and its value stand in a TOML text, as offsets in
// bytes, and where what is inside the value stands.
//
// The TOML library tells places only with the errors that it finds itself, and
// stops at the first of these. We want the place of whatever *we* find wrong,
// of an element deep in an array too, so this second look at the text records
// them all. It need not judge the text: the library does. On a text that is
// not TOML it gives some places, and it always comes to an end.
type place struct {
	key, value, end int               // the value is text[value:end]
	inside          map[string]*place // of a table
	items           []*place          // of an array
}

// maxDepth bounds how deep tables and arrays may be nested. The library
// recurses without bound, and nothing that we read is deeper than six.
const maxDepth = 50

var errTooDeep = errors.New("tables or arrays are nested too deep")

// scanPlaces finds the places of all keys and values of text. The error is
// errTooDeep or nil.
func scanPlaces(text string) (*place, error) {
	s := &placeScanner{text: text}
	root := &place{}
	table := root
	for !s.atEnd() && !s.tooDeep {
		switch c := s.text[s.i]; {
		case isBlank(c) || c == '\n':
			s.i++
		case c == '#':
			s.skipLine()
		case c == '[':
			table = s.header(root)
		default:
			s.pair(table, 0)
			s.skipLine()
		}
	}
	if s.tooDeep {
		return nil, errTooDeep
	}
	return root, nil
}

type placeScanner struct {
	text    string
	i       int
	tooDeep bool
}

// header reads [a.b] or [[a.b]] and gives the table that it opens.
func (s *placeScanner) header(root *place) *place {
	s.i++
	isArray := s.peek() == '['
	if isArray {
		s.i++
	}
	table := root
	parts := s.dottedKey()
	for i, part := range parts {
		table = table.child(part.name, part.at)
		if i == len(parts)-1 {
			table.key, table.value = part.at, part.at
			if isArray {
				table.items = append(table.items, &place{key: part.at, value: part.at})
			}
		}
		table = table.newest()
	}
	s.skipLine()
	return table
}

// pair reads "key = value" into table.
func (s *placeScanner) pair(table *place, depth int) {
	parts := s.dottedKey()
	for i, part := range parts {
		table = table.child(part.name, part.at)
		if i < len(parts)-1 {
			table = table.newest()
		}
	}
	if s.skipBlanks(); s.peek() == '=' {
		s.i++
		s.skipBlanks()
		s.valueOf(table, depth)
	}
}

// valueOf reads a value into p.
func (s *placeScanner) valueOf(p *place, depth int) {
	if depth++; depth > maxDepth {
		s.tooDeep = true
		return
	}
	p.value = s.i
	switch s.peek() {
	case '"', '\'':
		s.quoted()
	case '[':
		s.list(']', func() {
			item := &place{key: s.i}
			p.items = append(p.items, item)
			s.valueOf(item, depth)
		})
	case '{':
		s.list('}', func() { s.pair(p, depth) })
	default:
		s.i += tokenLength(s.text[s.i:], ",]}#\n")
		for s.i > p.value && isBlank(s.text[s.i-1]) {
			s.i--
		}
	}
	p.end = s.i
}

// list reads what stands between brackets, element by element.
func (s *placeScanner) list(closing byte, element func()) {
	s.i++
	for !s.atEnd() && !s.tooDeep {
		switch c := s.text[s.i]; {
		case isBlank(c) || c == '\n' || c == ',':
			s.i++
		case c == '#':
			s.skipLine()
		case c == closing:
			s.i++
			return
		default:
			before := s.i
			if element(); s.i == before {
				s.i++ // not TOML; go on all the same
			}
		}
	}
}

// quoted reads a string of any of the four kinds and gives its text with the
// quotes.
func (s *placeScanner) quoted() string {
	from, quote := s.i, s.text[s.i]
	closing := string(quote)
	if long := strings.Repeat(closing, 3); strings.HasPrefix(s.text[s.i:], long) {
		closing = long
	}
	for s.i += len(closing); !s.atEnd(); s.i++ {
		switch {
		case quote == '"' && s.text[s.i] == '\\':
			s.i++ // whatever follows, it does not end the string
		case strings.HasPrefix(s.text[s.i:], closing):
			s.i += len(closing)
			for n := 0; len(closing) == 3 && n < 2 && s.peek() == quote; n++ {
				s.i++ // a long string may end in up to two quotes of its own
			}
			return s.text[from:s.i]
		case s.text[s.i] == '\n' && len(closing) == 1:
			return s.text[from:s.i] // not TOML
		}
	}
	s.i = len(s.text)
	return s.text[from:]
}

// keyPart is one part of a dotted key.
type keyPart struct {
	name string
	at   int
}

// dottedKey reads a, a.b or a."b c".
func (s *placeScanner) dottedKey() []keyPart {
	var parts []keyPart
	for {
		s.skipBlanks()
		part := keyPart{at: s.i}
		if c := s.peek(); c == '"' || c == '\'' {
			part.name = unquoteKey(s.quoted())
		} else {
			s.i += tokenLength(s.text[s.i:], " \t\r\n.=[]{}#,\"'")
			part.name = s.text[part.at:s.i]
		}
		if parts = append(parts, part); len(parts) > maxDepth {
			s.tooDeep = true
			return parts
		}
		if s.skipBlanks(); s.peek() != '.' {
			return parts
		}
		s.i++
	}
}

func (s *placeScanner) atEnd() bool { return s.i >= len(s.text) }

// peek gives the next byte, 0 at the end.
func (s *placeScanner) peek() byte {
	if s.atEnd() {
		return 0
	}
	return s.text[s.i]
}

func (s *placeScanner) skipBlanks() {
	for !s.atEnd() && isBlank(s.text[s.i]) {
		s.i++
	}
}

func (s *placeScanner) skipLine() {
	s.i += tokenLength(s.text[s.i:], "\n")
	if !s.atEnd() {
		s.i++
	}
}

// tokenLength is the length of text up to the first of the bytes in ends.
func tokenLength(text, ends string) int {
	if n := strings.IndexAny(text, ends); n >= 0 {
		return n
	}
	return len(text)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// unquoteKey gives the name that a quoted key stands for.
func unquoteKey(quoted string) string {
	if len(quoted) < 2 {
		return ""
	}
	if quoted[0] == '\'' || !strings.Contains(quoted, `\`) {
		return quoted[1 : len(quoted)-1]
	}
	var v struct{ K string }
	if _, err := toml.Decode("K = "+quoted, &v); err != nil {
		return ""
	}
	return v.K
}

// child gives the place of a key in a table, made when it is new.
func (p *place) child(name string, at int) *place {
	if c := p.inside[name]; c != nil {
		return c
	}
	if p.inside == nil {
		p.inside = map[string]*place{}
	}
	c := &place{key: at, value: at}
	p.inside[name] = c
	return c
}

// newest gives the newest element of an array of tables, and any other place
// itself.
func (p *place) newest() *place {
	if len(p.items) == 0 {
		return p
	}
	return p.items[len(p.items)-1]
}
