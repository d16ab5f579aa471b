package imports

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

// Field is a key and its value: a string, a [Pattern], an int, a bool, a
// [time.Duration], a [signals.Signal], a slice of these, an [Inline] table or a
// slice of those.
type Field struct {
	Key   string
	Value any
}

// Inline is a table within a line.
type Inline []Field

// Pattern is a string in which [Instance] stands for the number of the instance.
// In a plain string it does not.
type Pattern string

// Instance stands for the number of the instance in a [Pattern] and in the path
// of a log.
const Instance = instanceMark

// instanceMark can be in no text that was read: see [World.Read].
const instanceMark = "\x00"

// table is a table of a service: "" its own, else "restart" and the like.
type table struct {
	name   string
	fields []Field
}

// Set sets a key, "command" or "restart.when". One that is set twice has the
// last value.
func (s *Service) Set(key string, value any) {
	name, field := parts(key)
	s.set(name, field, value)
}

// SetEnv sets a variable.
func (s *Service) SetEnv(name string, value any) { s.set("env", name, value) }

func (s *Service) set(name, field string, value any) {
	i := slices.IndexFunc(s.tables, func(t table) bool { return t.name == name })
	if i < 0 {
		s.tables = append(s.tables, table{name: name})
		i = len(s.tables) - 1
	}
	t := &s.tables[i]
	if k := slices.IndexFunc(t.fields, func(f Field) bool { return f.Key == field }); k >= 0 {
		t.fields[k].Value = value
		return
	}
	t.fields = append(t.fields, Field{field, value})
}

// Has says whether a key was set.
func (s *Service) Has(key string) bool {
	name, field := parts(key)
	return slices.ContainsFunc(s.tables, func(t table) bool {
		return t.name == name && slices.ContainsFunc(t.fields, func(f Field) bool { return f.Key == field })
	})
}

// parts gives the table and the key in it.
func parts(key string) (table, field string) {
	if table, field, found := strings.Cut(key, "."); found {
		return table, field
	}
	return "", key
}

// Write writes the document as TOML. head is said about it in the first line.
func (d *Document) Write(w io.Writer, head string) error {
	p := printer{bufio.NewWriter(w)}
	fmt.Fprintf(p, "# %s\n", oneLine(head))
	p.remarks(d.Remarks)
	for _, s := range d.Services {
		p.WriteString("\n")
		p.service(s)
	}
	return p.Flush()
}

type printer struct{ *bufio.Writer }

// longEnv is how long a line of variables may be. Longer ones get a table.
const longEnv = 100

func (p printer) service(s *Service) {
	s.setRest()
	head := "services." + config.QuoteKey(s.Name)
	fmt.Fprintf(p, "[%s]\n", head)
	for _, line := range s.About {
		fmt.Fprintf(p, "# %s\n", oneLine(line))
	}
	p.remarks(s.remarksOf(func(table string) bool { return !s.hasTable(table) }))
	for _, t := range s.ordered() {
		if t.name != "" {
			fmt.Fprintf(p, "\n[%s.%s]\n", head, t.name)
			p.remarks(s.remarksOf(func(table string) bool { return table == t.name }))
		}
		for _, f := range t.fields {
			fmt.Fprintf(p, "%s = %s\n", config.QuoteKey(f.Key), literal(f.Value))
		}
	}
	for _, one := range s.Sockets {
		fmt.Fprintf(p, "\n[[%s.sockets]]\nlisten = %s\n", head, literal(one.String()))
		for _, f := range one.Fields {
			fmt.Fprintf(p, "%s = %s\n", f.Key, literal(f.Value))
		}
	}
}

// setRest sets the keys that are known when all services are.
func (s *Service) setRest() {
	if s.Instances > 1 {
		s.Set("instances", s.Instances)
	}
	if len(s.Needs) > 0 {
		s.Set("needs", edges(s.Needs))
	}
	if len(s.After) > 0 {
		s.Set("after", edges(s.After))
	}
	if s.Log.Path != "" {
		s.Set("log.to", "file")
		s.Set("log.path", written(s.Log.Path))
		if s.Log.Errors {
			s.Set("log.stderr", "file")
		}
	}
	for _, f := range s.Log.Fields {
		s.Set("log."+f.Key, f.Value)
	}
}

// edges gives the services that are waited for, each once.
func edges(list []Edge) []any {
	var out []any
	seen := map[*Service]bool{}
	for _, e := range list {
		if seen[e.To] {
			continue
		}
		seen[e.To] = true
		if e.For == "" && !e.With {
			out = append(out, e.To.Name)
			continue
		}
		table := Inline{{"service", e.To.Name}}
		if e.For != "" {
			table = append(table, Field{"for", string(e.For)})
		}
		if e.With {
			table = append(table, Field{"with", true})
		}
		out = append(out, table)
	}
	return out
}

// ordered gives the tables as they are written: a service's own keys first. A
// few variables stand in a line among them, many in a table.
func (s *Service) ordered() []table {
	out := []table{{}}
	for _, t := range s.tables {
		switch {
		case t.name == "":
			out[0].fields = append(out[0].fields, t.fields...)
		case t.name == "env" && len(literal(Inline(t.fields))) < longEnv:
			out[0].fields = append(out[0].fields, Field{"env", Inline(t.fields)})
		default:
			out = append(out, t)
		}
	}
	return out
}

func (s *Service) hasTable(name string) bool {
	return name != "" && slices.ContainsFunc(s.ordered(), func(t table) bool { return t.name == name })
}

func (s *Service) remarksOf(table func(string) bool) []Remark {
	var out []Remark
	for _, r := range s.remarks {
		if table(r.table) {
			out = append(out, r.Remark)
		}
	}
	return out
}

// remarks writes remarks as comments; those with the same reason stand together.
func (p printer) remarks(all []Remark) {
	written := map[string]bool{}
	for i, r := range all {
		reason := reasonOf(r)
		if written[reason] {
			continue
		}
		written[reason] = true
		fmt.Fprintf(p, "# %s\n", oneLine(reason))
		for _, other := range all[i:] {
			if reasonOf(other) == reason {
				fmt.Fprintf(p, "#     %s\n", strings.TrimPrefix(other.At.String()+": "+clip(other.What), ": "))
			}
		}
	}
}

func reasonOf(r Remark) string {
	if r.Kept {
		return "differs: " + r.advice()
	}
	return "not carried over: " + r.advice()
}

// oneLine makes one line of a text, safe to stand in a comment and on a terminal.
func oneLine(text string) string {
	return visible.Text(strings.Join(strings.Fields(strings.ReplaceAll(text, instanceMark, "%i")), " "))
}

// longText is how much of a setting is shown in a comment or a message.
const longText = 200

// clip makes one line of a setting, and not too long a one.
func clip(text string) string {
	if runes := []rune(oneLine(text)); len(runes) > longText {
		return string(runes[:longText-1]) + "…"
	}
	return oneLine(text)
}

// written is a string that has its percent signs doubled already.
type written string

// literal writes a value as TOML.
func literal(value any) string {
	switch v := value.(type) {
	case string:
		return config.Quote(strings.ReplaceAll(v, "%", "%%"))
	case written:
		return config.Quote(string(v))
	case Pattern:
		return config.Quote(strings.ReplaceAll(strings.ReplaceAll(string(v), "%", "%%"), instanceMark, "%i"))
	case int:
		return strconv.Itoa(v)
	case float64:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	case bool:
		return strconv.FormatBool(v)
	case time.Duration:
		return config.Quote(short(v))
	case signals.Signal:
		return config.Quote(v.String())
	case Inline:
		return list("{ ", " }", v, func(f Field) string { return config.QuoteKey(f.Key) + " = " + literal(f.Value) })
	case []string:
		return list("[", "]", v, func(s string) string { return literal(s) })
	case []Pattern:
		return list("[", "]", v, func(s Pattern) string { return literal(s) })
	case []Inline:
		return list("[", "]", v, func(t Inline) string { return literal(t) })
	case []any:
		return list("[", "]", v, literal)
	}
	panic(fmt.Sprintf("imports: no way to write a %T", value))
}

// short writes a length of time without the zeros that Go puts behind: "1m", not "1m0s".
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func list[T any](open, closing string, all []T, text func(T) string) string {
	if len(all) == 0 {
		return strings.TrimSpace(open) + strings.TrimSpace(closing)
	}
	parts := make([]string, len(all))
	for i := range all {
		parts[i] = text(all[i])
	}
	return open + strings.Join(parts, ", ") + closing
}

// ShellQuote writes a word so that a shell takes it as it is.
func ShellQuote(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_./:@%+,-", c) || c > 0x7f)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
