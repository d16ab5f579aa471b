// Package carry writes down what a process knows, for the next image of the same
// process to read (execve(2)): a supervise that is replaced by another binary
// hands over its state so.
//
// All fields of a struct are carried, those that are not exported too: a field that
// somebody adds later is carried without anybody having to think of it. What is not
// to be carried says so, with the tag `carry:"-"`. Types that cannot be carried
// (functions, channels, interfaces) are an error, which [Check] finds in a test.
//
// The text is JSON. Zero values are left out. A field that the reader does not know
// is an error: to leave out what an other version knows would be to lose it.
//
// Times keep their monotonic part, as what CLOCK_MONOTONIC says: it goes on over an
// exec, and so an uptime or a deadline is the same before and after.
package carry

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// FD is a descriptor that is to stay open. Negative: there is none.
type FD int

// Duplicate makes another descriptor of what c has open, which belongs to nobody else.
// It is close-on-exec, as all are until an exec is sure.
func Duplicate(c syscall.Conn) (fd FD, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	failed := raw.Control(func(of uintptr) {
		var n int
		n, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 3)
		fd = FD(n)
	})
	return fd, errors.Join(failed, err)
}

// tag is that of fields which are not carried.
const tag = "carry"

var (
	timeType   = reflect.TypeFor[time.Time]()
	regexpType = reflect.TypeFor[regexp.Regexp]()
	fdType     = reflect.TypeFor[FD]()
)

// anchor is one moment by two clocks: a time.Time with its monotonic part, and
// CLOCK_MONOTONIC. Of several tries the one that took least counts.
var anchor, anchorMono = func() (at time.Time, mono time.Duration) {
	best := time.Duration(1<<63 - 1)
	for range 5 {
		var ts unix.Timespec
		before := time.Now()
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
		if took := time.Since(before); took < best {
			best, at, mono = took, before.Add(took/2), time.Duration(ts.Nano())
		}
	}
	return at, mono
}()

// hasMono says whether a time has a monotonic part.
func hasMono(t time.Time) bool { return t != t.Round(0) }

func timeText(t time.Time) string {
	if hasMono(t) {
		return "m" + strconv.FormatInt(int64(anchorMono+t.Sub(anchor)), 10)
	}
	return "w" + strconv.FormatInt(t.Unix(), 10) + "." + strconv.Itoa(t.Nanosecond())
}

func timeOf(text string) (t time.Time, err error) {
	if mono, is := strings.CutPrefix(text, "m"); is {
		n, err := strconv.ParseInt(mono, 10, 64)
		return anchor.Add(time.Duration(n) - anchorMono), err
	}
	sec, nsec, both := strings.Cut(strings.TrimPrefix(text, "w"), ".")
	s, err1 := strconv.ParseInt(sec, 10, 64)
	n, err2 := strconv.ParseInt(nsec, 10, 64)
	if !both || err1 != nil || err2 != nil {
		return t, fmt.Errorf("%q is no time", text)
	}
	return time.Unix(s, n), nil
}

// open gives a field for reading and writing, exported or not. v is addressable.
func open(v reflect.Value) reflect.Value {
	if v.CanSet() {
		return v
	}
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

// fields gives the fields of a struct that are carried.
func fields(t reflect.Type) (all []reflect.StructField) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get(tag) != "-" && f.Name != "_" {
			all = append(all, f)
		}
	}
	return all
}

// Encode writes v, a pointer, as text, and lists the descriptors in it.
func Encode(v any) (text []byte, kept []FD, err error) {
	e := &encoder{}
	defer func() {
		if p, failed := recover().(*Error); failed {
			text, kept, err = nil, nil, p
		}
	}()
	e.value(reflect.ValueOf(v).Elem())
	return e.text, e.kept, nil
}

// Error says what cannot be carried, or not be read.
type Error struct{ Msg string }

func (e *Error) Error() string { return e.Msg }

func fail(format string, args ...any) { panic(&Error{fmt.Sprintf(format, args...)}) }

type encoder struct {
	text []byte
	kept []FD
}

func (e *encoder) value(v reflect.Value) {
	switch v.Type() {
	case timeType:
		e.string(timeText(v.Interface().(time.Time)))
		return
	case fdType:
		if fd := FD(v.Int()); fd >= 0 {
			e.kept = append(e.kept, fd)
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		e.text = strconv.AppendBool(e.text, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.text = strconv.AppendInt(e.text, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		e.text = strconv.AppendUint(e.text, v.Uint(), 10)
	case reflect.Float64:
		e.text = strconv.AppendFloat(e.text, v.Float(), 'g', -1, 64)
	case reflect.String:
		e.string(v.String())
	case reflect.Pointer:
		e.pointer(v)
	case reflect.Slice, reflect.Array:
		e.list(v)
	case reflect.Map:
		e.mapping(v)
	case reflect.Struct:
		e.object(v)
	default:
		fail("%s cannot be carried", v.Type())
	}
}

// string writes a string. It may be no UTF-8, as an environment or a path: then it
// is written as bytes.
func (e *encoder) string(s string) {
	plain := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '\ufffd' }) && !strings.HasPrefix(s, escaped)
	if !plain {
		s = escaped + base64.StdEncoding.EncodeToString([]byte(s))
	}
	e.text = append(e.text, '"')
	e.text = append(e.text, s...)
	e.text = append(e.text, '"')
}

// escaped begins a string that is written in base64.
const escaped = "\u2063"

func (e *encoder) pointer(v reflect.Value) {
	switch {
	case v.IsNil():
		e.text = append(e.text, "null"...)
	case v.Type().Elem() == regexpType:
		e.string(v.Interface().(*regexp.Regexp).String())
	default:
		e.value(v.Elem())
	}
}

func (e *encoder) list(v reflect.Value) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		e.text = append(e.text, "null"...)
		return
	}
	if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
		e.text = append(e.text, '"')
		e.text = base64.StdEncoding.AppendEncode(e.text, v.Bytes())
		e.text = append(e.text, '"')
		return
	}
	e.text = append(e.text, '[')
	for i := range v.Len() {
		if i > 0 {
			e.text = append(e.text, ',')
		}
		e.value(v.Index(i))
	}
	e.text = append(e.text, ']')
}

func (e *encoder) mapping(v reflect.Value) {
	if v.IsNil() {
		e.text = append(e.text, "null"...)
		return
	}
	keys := map[string]reflect.Value{}
	var names []string
	for _, k := range v.MapKeys() {
		name := k.String()
		if k.Kind() != reflect.String {
			name = strconv.FormatInt(k.Int(), 10)
		}
		keys[name] = k
		names = append(names, name)
	}
	slices.Sort(names)
	e.text = append(e.text, '{')
	for i, name := range names {
		if i > 0 {
			e.text = append(e.text, ',')
		}
		e.string(name)
		e.text = append(e.text, ':')
		value := reflect.New(v.Type().Elem()).Elem() // what is in a map has no address
		value.Set(v.MapIndex(keys[name]))
		e.value(value)
	}
	e.text = append(e.text, '}')
}

func (e *encoder) object(v reflect.Value) {
	e.text = append(e.text, '{')
	first := true
	for _, f := range fields(v.Type()) {
		value := open(v.FieldByIndex(f.Index))
		if value.IsZero() {
			continue
		}
		if !first {
			e.text = append(e.text, ',')
		}
		first = false
		e.string(f.Name)
		e.text = append(e.text, ':')
		e.value(value)
	}
	e.text = append(e.text, '}')
}

// Check says what of a type cannot be carried.
func Check(t reflect.Type) error { return check(t, t.String(), map[reflect.Type]bool{}) }

func check(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if seen[t] || t == timeType || t == reflect.PointerTo(regexpType) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return check(t.Elem(), path, seen)
	case reflect.Map:
		switch t.Key().Kind() {
		case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		default:
			return &Error{path + ": a map by " + t.Key().String() + " cannot be carried"}
		}
		return check(t.Elem(), path, seen)
	case reflect.Struct:
		for _, f := range fields(t) {
			if err := check(f.Type, path+"."+f.Name, seen); err != nil {
				return err
			}
		}
	case reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Uintptr, reflect.Complex64, reflect.Complex128, reflect.Float32:
		return &Error{path + ": " + t.String() + " cannot be carried"}
	}
	return nil
}
