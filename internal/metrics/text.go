package metrics

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// ContentType is that of the text format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// text writes the format that Prometheus' documentation calls "Text-based
// format". Errors of the writer below come out of flush.
type text struct {
	out  *bufio.Writer
	name string // of the family under way
}

func newText(w io.Writer) *text { return &text{out: bufio.NewWriterSize(w, 32<<10)} }

func (t *text) flush() error { return t.out.Flush() }

// family begins a metric: all its samples follow, and only those.
func (t *text) family(name, kind, help string) {
	t.name = name
	for _, s := range []string{"# HELP ", name, " ", escapeHelp(help), "\n# TYPE ", name, " ", kind, "\n"} {
		_, _ = t.out.WriteString(s)
	}
}

// sample writes one sample; labels are names and values in turn.
func (t *text) sample(value float64, labels ...string) { t.suffixed("", value, labels...) }

// suffixed is sample for the parts of a histogram: _bucket, _sum and _count.
func (t *text) suffixed(suffix string, value float64, labels ...string) {
	_, _ = t.out.WriteString(t.name)
	_, _ = t.out.WriteString(suffix)
	for i := 0; i+1 < len(labels); i += 2 {
		open := ","
		if i == 0 {
			open = "{"
		}
		for _, s := range []string{open, labels[i], `="`, escapeLabel(labels[i+1]), `"`} {
			_, _ = t.out.WriteString(s)
		}
	}
	if len(labels) > 0 {
		_ = t.out.WriteByte('}')
	}
	_ = t.out.WriteByte(' ')
	_, _ = t.out.Write(strconv.AppendFloat(t.out.AvailableBuffer(), value, 'f', -1, 64))
	_ = t.out.WriteByte('\n')
}

func (t *text) histogram(h *histogram, labels ...string) {
	within, all := h.cumulative()
	for i, n := range within {
		t.suffixed("_bucket", float64(n), append(labels, "le", strconv.FormatFloat(bounds[i].Seconds(), 'f', -1, 64))...)
	}
	t.suffixed("_bucket", float64(all), append(labels, "le", "+Inf")...)
	t.suffixed("_sum", h.sum.Seconds(), labels...)
	t.suffixed("_count", float64(all), labels...)
}

var (
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)

// escapeLabel: a label value may be any UTF-8.
func escapeLabel(s string) string { return labelEscapes.Replace(strings.ToValidUTF8(s, "\ufffd")) }

func escapeHelp(s string) string { return helpEscapes.Replace(s) }
