package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// node is a value of a TOML file together with its place.
type node struct {
	path string   // "stop.ladder[0].signal"
	name string   // "signal"
	key  Position // where its key stands; for an element of an array, its value
	at   Position // where its value stands
	raw  string   // the value as it is written

	scalar  any // string, int64, float64, bool or time.Time; nil when it is none of these
	isList  bool
	list    []*node
	isTable bool
	table   []*node        // in the order of the text
	pattern *regexp.Regexp // what it was compiled to last
}

// parseTOML reads a text as TOML. What is wrong with it goes into the report;
// then the result is nil.
func parseTOML(r *report, file, text string) *node {
	text = strings.TrimPrefix(text, "\ufeff")
	lines := lineIndex(file, text)
	places, err := scanPlaces(text)
	if err != nil {
		r.failAt(Position{File: file}, "", err.Error(), "")
		return nil
	}
	values, err := decodeTOML(text)
	if err != nil {
		at := Position{File: file}
		msg := err.Error()
		if pe := (toml.ParseError{}); errors.As(err, &pe) {
			at, msg = lines.position(pe.Position.Start), pe.Message
		}
		r.failAt(at, "", "not valid TOML: "+msg, "")
		return nil
	}
	return lines.node("", "", values, places)
}

// decodeTOML is the library's decoder. The library panics where it finds
// itself in the wrong, which must not take a supervisor down that reloads.
func decodeTOML(text string) (values map[string]any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the TOML reader gave up: %v", p)
		}
	}()
	_, err = toml.Decode(text, &values)
	return values, err
}

// node joins a decoded value with its place.
func (l lines) node(path, name string, value any, p *place) *node {
	n := &node{path: path, name: name, key: l.position(p.key), at: l.position(p.value)}
	if p.value < p.end && p.end <= len(l.text) {
		n.raw = l.text[p.value:p.end]
	}
	switch v := value.(type) {
	case map[string]any:
		n.isTable = true
		n.table = l.table(path, v, p)
	case []map[string]any: // [[array.of.tables]]
		n.isList = true
		for i := range v {
			n.list = append(n.list, l.element(path, i, v[i], p))
		}
	case []any:
		n.isList = true
		for i := range v {
			n.list = append(n.list, l.element(path, i, v[i], p))
		}
	case string:
		n.scalar = strings.Clone(v) // the library's are parts of the whole text, and would keep it in memory
	default:
		n.scalar = v
	}
	return n
}

func (l lines) element(path string, i int, value any, p *place) *node {
	at := p // unknown: the array's own
	if i < len(p.items) {
		at = p.items[i]
	}
	return l.node(fmt.Sprintf("%s[%d]", path, i), "", value, at)
}

func (l lines) table(path string, values map[string]any, p *place) []*node {
	out := make([]*node, 0, len(values))
	for name, value := range values {
		at := p.inside[name]
		if at == nil {
			at = &place{key: p.key, value: p.value}
		}
		name = strings.Clone(name)
		out = append(out, l.node(joinKey(path, name), name, value, at))
	}
	slices.SortFunc(out, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.key.Line, b.key.Line), cmp.Compare(a.key.Col, b.key.Col), cmp.Compare(a.path, b.path))
	})
	return out
}

// joinKey adds a name to a path, quoted as TOML wants it where need be.
func joinKey(path, name string) string {
	if path == "" {
		return quoteKey(name)
	}
	return path + "." + quoteKey(name)
}

// entry gives the value of a key of a table, nil when it is not there.
func (n *node) entry(name string) *node {
	if n == nil {
		return nil
	}
	for _, e := range n.table {
		if e.name == name {
			return e
		}
	}
	return nil
}

// kind says what a node is, for messages.
func (n *node) kind() string {
	switch {
	case n.isTable:
		return "a table"
	case n.isList:
		return "an array"
	}
	switch n.scalar.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	}
	return "a date or time"
}
