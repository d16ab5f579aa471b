package supervisord

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"testing"

	"supervise/internal/needed"
)

// python reads INI files, command lines and environments as supervisord 4 does:
// its UnhosedConfigParser is RawConfigParser with these two options, its
// commands are split by shlex.split, its environments by shlex in the old mode.
const python = `
import configparser, json, shlex, sys
asked = json.load(sys.stdin)
def ini(text):
    p = configparser.RawConfigParser(inline_comment_prefixes=(';', '#'), strict=False)
    p.optionxform = str.lower
    p.read_string(text)
    return {s: dict(p.items(s)) for s in p.sections()}
def pairs(text):
    lexer = shlex.shlex(text)
    lexer.wordchars += '/.+-():'
    tokens = list(lexer)
    out = {}
    for i in range(0, len(tokens), 4):
        k = tokens[i:i+3]
        if len(k) != 3 or k[1] != '=':
            raise ValueError('end')
        out[k[0]] = k[2].strip('\'"')
    return out
def tried(f, text):
    try:
        return f(text)
    except Exception:
        return None
json.dump({'ini': [tried(ini, t) for t in asked['ini']], 'words': [tried(shlex.split, t) for t in asked['words']],
    'env': [tried(pairs, t) for t in asked['env']], 'format': [tried(lambda s: s % {'here': '/etc', 'process_num': 7, 'ENV_X': 'x y'}, t) for t in asked['format']]}, sys.stdout)
`

type texts struct {
	INI    []string `json:"ini"`
	Words  []string `json:"words"`
	Env    []string `json:"env"`
	Format []string `json:"format"`
}

// What Python reads, we read the same; what it refuses, we refuse.
func TestFilesAreReadAsPythonReadsThem(t *testing.T) {
	asked := texts{
		INI: []string{
			"[a]\nx=1\n[b]\ny : 2 ; comment\n",
			"[a]\nx = one\n  two ; comment\n\n  three\n; whole line\n  four\n# other\n  five\ny=1\n",
			"[a]\nX=1\nx=2\n[a]\nx=3\nz=;no\n",
			"[a]\nx=a;b#c\ny=a ;b\nz=a\t#b\n",
			"; c\n# d\n[a] ; comment\nk=v\n",
			"[a]b]\nk=v\n",
			"  [a]\n  x=1\n   y=2\n  z=3\n",
			"[a]\nx=1\n\ty=2\n",
			"[a]\nx=\n  1\n  2\n\n\n[b]\n",
			"[a]\ncommand=sh -c \"a; b ; c\"\n",
			"[a]\nurl=http://x:1/?a=b\nurl2:http://x\n",
			"[a]\nnovalue\n",
			"x=1\n",
			"[a]\n=1\n",
			"[program:x]\nenvironment=A=\"1\",\n  B='2'\n",
			"[a]\nx=1\n   \n  2\n",
			"[a]\nx=1;\ny=2 ;\n",
			"[]\nx=1\n[a]\n",
			"[a\nx=1\n",
		},
		Words: []string{
			`a b`, `a "b c" 'd e'`, `a\ b`, `"a\"b\\c\$d"`, `'a\'`, `a"b`, `a\`, ``, `a # b`, `"" ''`, "a\tb\n c", `a'b'"c"`, `$HOME "$HOME"`, `a;b|c`,
		},
		Env: []string{
			`A="x,y",B=2`, `A=b"c d"e,C=1`, `A=a$b`, `A="x"y`, "A=1 # c\n,B=2", `A=""`, `A='va"l'`, `A=%b`, `A=x@y`, `A`, `A=`, `A=1,`, ``, `A=1 B=2`,
			`A=/usr/bin:/bin,B=a-b+c(d)`, `A="unclosed`, `a.b=1`, `A=1,,B=2`,
		},
		Format: []string{
			`%(here)s/x`, `%(process_num)02d`, `%(process_num)d%%`, `100%`, `%(nothing)s`, `%(here)`, `%(process_num)-4d|`, `%(process_num)4d|`, `%(here)08s|`, `%(ENV_X)s`, `%(here)d`, `%%(here)s`,
		},
	}
	input, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(needed.Program(t, "python3"), "-c", python)
	cmd.Stdin = bytes.NewReader(input)
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		INI    []map[string]map[string]string
		Words  [][]string
		Env    []map[string]string
		Format []*string
	}
	if err := json.Unmarshal(output, &want); err != nil {
		t.Fatal(err)
	}
	for i, text := range asked.INI {
		sections, err := parseINI("f", text, nil)
		got := map[string]map[string]string{}
		for _, s := range sections {
			got[s.name] = map[string]string{}
			for _, o := range s.options {
				got[s.name][o.name] = o.value
			}
		}
		if (err != nil) != (want.INI[i] == nil) || err == nil && !sameJSON(got, want.INI[i]) {
			t.Errorf("%q: %v %v, Python reads %v", text, got, err, want.INI[i])
		}
	}
	for i, text := range asked.Words {
		got, err := shlexSplit(text)
		if (err != nil) != (want.Words[i] == nil) || !slices.Equal(got, want.Words[i]) {
			t.Errorf("%q: %q %v, Python reads %q", text, got, err, want.Words[i])
		}
	}
	for i, text := range asked.Env {
		all, err := variables(text)
		got := map[string]string{}
		for _, v := range all {
			got[v.name] = v.value
		}
		if (err != nil) != (want.Env[i] == nil) || err == nil && !sameJSON(got, want.Env[i]) {
			t.Errorf("%q: %q %v, Python reads %q", text, got, err, want.Env[i])
		}
	}
	names := map[string]string{"here": "/etc", "process_num": "7", "ENV_X": "x y"}
	for i, text := range asked.Format {
		got, err := format(text, func(name string) (string, bool) { v, ok := names[name]; return v, ok })
		if (err != nil) != (want.Format[i] == nil) || err == nil && got != *want.Format[i] {
			t.Errorf("%q: %q %v, Python makes %v", text, got, err, want.Format[i])
		}
	}
}

func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
