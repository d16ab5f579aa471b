package supervisord

import (
	"fmt"
	"strconv"
	"strings"
)

// format replaces %(name)s as Python's % operator does, with the flags 0 and -
// and a width for numbers: "%(process_num)02d". %% is a percent sign.
func format(text string, lookup func(name string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if strings.HasPrefix(rest, "%") {
			b.WriteByte('%')
			text = rest[1:]
			continue
		}
		name, after, closed := strings.Cut(strings.TrimPrefix(rest, "("), ")")
		if !strings.HasPrefix(rest, "(") || !closed {
			return "", fmt.Errorf("a %% stands alone at %q; it is written %%%%", clip("%"+rest))
		}
		n := len(after) - len(strings.TrimLeft(after, "-0123456789"))
		if n == len(after) || strings.IndexByte("sdi", after[n]) < 0 {
			return "", fmt.Errorf("%q is no %%(name)s", clip("%"+rest))
		}
		value, ok := lookup(name)
		if !ok {
			return "", unknownName(name)
		}
		value, err := pad(value, after[:n], after[n])
		if err != nil {
			return "", fmt.Errorf("%%(%s)%s: %w", name, after[:n+1], err)
		}
		b.WriteString(value)
		text = after[n+1:]
	}
}

// unknownName is the error for a name that stands for nothing.
type unknownName string

func (u unknownName) Error() string { return fmt.Sprintf("%%(%s)s stands for nothing", string(u)) }

// widest is far above any width that makes sense.
const widest = 64

func pad(value, spec string, kind byte) (string, error) {
	if kind != 's' {
		if _, err := strconv.Atoi(value); err != nil && value != anyNumber {
			return "", fmt.Errorf("%q is no number", value)
		}
	}
	left := strings.HasPrefix(spec, "-")
	spec = strings.TrimPrefix(spec, "-")
	zero := strings.HasPrefix(spec, "0") && kind != 's' && !left
	width, err := strconv.Atoi("0" + spec)
	if err != nil || width > widest {
		return "", fmt.Errorf("%q is no width", spec)
	}
	if width > 0 && value == anyNumber {
		return "", paddedError{}
	}
	for len(value) < width {
		switch {
		case left:
			value += " "
		case zero:
			value = "0" + value
		default:
			value = " " + value
		}
	}
	return value, nil
}

// paddedError says that a number is to be padded, which a configuration of ours
// cannot say of %i.
type paddedError struct{}

func (paddedError) Error() string { return "it is padded" }

func clip(text string) string {
	if len(text) > 30 {
		return strings.ToValidUTF8(text[:30], "") + "…"
	}
	return text
}
