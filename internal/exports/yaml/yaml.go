// Package yaml writes YAML, and nothing else: blocks of maps, lists and scalars,
// with comments.
//
// gopkg.in/yaml.v3 would do it, but is a part of every supervise that is PID 1
// as soon as one command imports it: its initialisation alone takes 25 KB in 276
// allocations and a fifth or more of the time until a program is started
// (GODEBUG=inittrace=1). To write a subset of YAML takes a page. The tests read what
// is written with that library.
package yaml

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Map is a map in the order of its entries.
type Map []Entry

// Entry is a key with its value: a Map, a []Map, a []string, a []int, a string, an int
// or a bool. Comments stand in lines before it.
type Entry struct {
	Key      string
	Value    any
	Comments []string
}

// Set adds an entry, unless its value is nothing: an empty string, map or list.
func (m *Map) Set(key string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case Map:
		if len(v) == 0 {
			return
		}
	case []Map:
		if len(v) == 0 {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	}
	*m = append(*m, Entry{Key: key, Value: value})
}

// Write gives the map as a document.
func Write(m Map) string {
	var b strings.Builder
	writeMap(&b, m, "")
	return b.String()
}

func writeMap(b *strings.Builder, m Map, indent string) {
	for i, e := range m {
		for _, c := range e.Comments {
			fmt.Fprintf(b, "%s# %s\n", indent, c)
		}
		if i == 0 && strings.HasSuffix(b.String(), "- ") {
			fmt.Fprintf(b, "%s:", Scalar(e.Key))
		} else {
			fmt.Fprintf(b, "%s%s:", indent, Scalar(e.Key))
		}
		writeValue(b, e.Value, indent)
	}
}

func writeValue(b *strings.Builder, value any, indent string) {
	switch v := value.(type) {
	case Map:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		b.WriteByte('\n')
		writeMap(b, v, indent+"  ")
	case []Map:
		b.WriteByte('\n')
		for _, m := range v {
			b.WriteString(indent + "  - ")
			writeMap(b, m, indent+"    ")
		}
	case []string:
		parts := make([]string, len(v))
		for i, s := range v {
			parts[i] = quote(s)
		}
		fmt.Fprintf(b, " [%s]\n", strings.Join(parts, ", "))
	case string:
		fmt.Fprintf(b, " %s\n", Scalar(v))
	case []int:
		parts := make([]string, len(v))
		for i, n := range v {
			parts[i] = strconv.Itoa(n)
		}
		fmt.Fprintf(b, " [%s]\n", strings.Join(parts, ", "))
	case int, bool:
		fmt.Fprintf(b, " %v\n", v)
	default:
		panic(fmt.Sprintf("yaml: no way to write a %T", value))
	}
}

// plain is what no reader of YAML takes for anything but a string.
func plain() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@-]*$`)
}

// Scalar writes a string, with quotes where it might be taken for something else.
func Scalar(s string) string {
	if plain().MatchString(s) {
		switch strings.ToLower(s) {
		case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		default:
			return s
		}
	}
	return quote(s)
}

// quote writes a string as JSON does, which YAML reads the same.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string is always written
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\u007f", `\u007f`)
}
