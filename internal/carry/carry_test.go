package carry

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Name string
	when time.Time
	next *inner
}

type outer struct {
	inner
	flag  bool
	n     int8
	u     uint64
	f     float64
	raw   []byte
	words []string
	//lint:ignore U1000 carried all the same
	none     []string
	empty    []string
	pair     [2]int
	by       map[string]inner
	byNumber map[int]bool
	pattern  *regexp.Regexp
	skip     func() `carry:"-"`
	fd       FD
	no       FD
	named    namedString
	signals  map[signal]signal
}

type signal int

func (signal) String() string { return "not its number" }

type namedString string

func TestAllThatIsWrittenIsReadAgain(t *testing.T) {
	now := time.Now()
	in := outer{
		inner: inner{"a \"b\"\n\xff", now, &inner{Name: "\u2063x"}}, flag: true, n: -128, u: 1<<64 - 1, f: 0.1, raw: []byte{0, 255},
		words: []string{"", "é", "\ufffd"}, empty: []string{}, pair: [2]int{1, -2}, by: map[string]inner{"x\x00": {when: time.Unix(-5, 7)}, "": {}},
		byNumber: map[int]bool{-3: true, 4: false}, pattern: regexp.MustCompile(`^a+"\d`), skip: func() {}, fd: 7, no: -1, named: "n",
		signals: map[signal]signal{15: 3},
	}
	text, kept, err := Encode(&in)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(kept, []FD{7}) {
		t.Errorf("descriptors %v", kept)
	}
	var out outer
	if err := Decode(text, &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if out.pattern.String() != in.pattern.String() {
		t.Errorf("pattern %s", out.pattern)
	}
	if d := out.when.Sub(now); d != 0 || !hasMono(out.when) {
		t.Errorf("%v became %v, %s apart", now, out.when, d)
	}
	in.skip, in.pattern, out.pattern = nil, nil, nil
	in.when, out.when = time.Time{}, time.Time{}
	if !reflect.DeepEqual(in, out) {
		t.Errorf("%+v\nbecame\n%+v", in, out)
	}
}

func TestWhatIsNotKnownIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		`{"other":1}`:            "has a other, which this version does not know",
		`{"n":128}`:              "outer.n: 128 is no int8",
		`{"flag":1}`:             "is no bool",
		`{"words":[1]}`:          "words[0]: 1 is no string",
		`{"pattern":"("}`:        "outer.pattern",
		`{"when":"yesterday`:     "unexpected EOF",
		`{"inner":{"when":"w"}}`: "is no time",
		`[]`:                     "is no carry.outer",
	} {
		var o outer
		if err := Decode([]byte(text), &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestTypesThatCannotBeCarriedAreNamed(t *testing.T) {
	if err := Check(reflect.TypeFor[outer]()); err != nil {
		t.Error(err)
	}
	type bad struct{ list []struct{ f func() } }
	err := Check(reflect.TypeFor[bad]())
	if e := (*Error)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), "bad.list.f") {
		t.Errorf("%v", err)
	}
	if _, _, err := Encode(&bad{list: make([]struct{ f func() }, 1)}); err != nil {
		t.Errorf("a nil function is a zero value: %v", err)
	}
	b := bad{list: make([]struct{ f func() }, 1)}
	b.list[0].f = func() {}
	if _, _, err := Encode(&b); err == nil {
		t.Error("a function was carried")
	}
}
