package imports_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/imports/procfile"
	"supervise/internal/imports/runit"
	"supervise/internal/imports/supervisord"
	"supervise/internal/imports/systemd"
)

var update = flag.Bool("update", false, "write what the imports make into testdata")

// importers are the formats, by the names of their directories in testdata.
var importers = map[string]func(imports.World, []string, map[string]int) (*imports.Document, error){
	"systemd": func(w imports.World, paths []string, _ map[string]int) (*imports.Document, error) {
		return systemd.Import(w, paths)
	},
	"supervisord": func(w imports.World, paths []string, _ map[string]int) (*imports.Document, error) {
		return supervisord.Import(w, paths)
	},
	"procfile": procfile.Import,
	"runit": func(w imports.World, paths []string, _ map[string]int) (*imports.Document, error) {
		return runit.Import(w, paths)
	},
}

// world is a machine with these files, all executable.
func world(files fstest.MapFS) imports.World {
	variables := map[string]string{"HOST": "example.com", "HOSTNAME": "machine"}
	return imports.World{
		FS:     files,
		Getenv: func(name string) (string, bool) { v, ok := variables[name]; return v, ok },
		Home:   func(account string) (string, bool) { return "/home/" + account, account != "stranger" },
	}
}

// TestImports holds each archive in testdata against what is made of it: the
// file "import" has the paths, want.toml the result, want.remarks what is told.
func TestImports(t *testing.T) {
	for format, run := range importers {
		archives, _ := filepath.Glob(filepath.Join("testdata", format, "*.txtar"))
		if len(archives) == 0 {
			t.Errorf("nothing to import from %s", format)
		}
		for _, name := range archives {
			t.Run(format+"/"+filepath.Base(name), func(t *testing.T) {
				a, err := txtar.ParseFile(name)
				if err != nil {
					t.Fatal(err)
				}
				files := fstest.MapFS{}
				var paths []string
				formation := map[string]int{}
				want := map[string]string{}
				var kept []txtar.File
				for _, f := range a.Files {
					if !strings.HasPrefix(f.Name, "want.") {
						kept = append(kept, f)
					}
					switch f.Name {
					case "import":
						paths = strings.Fields(string(f.Data))
					case "formation":
						for _, word := range strings.Fields(string(f.Data)) {
							name, n, _ := strings.Cut(word, "=")
							formation[name], _ = strconv.Atoi(n)
						}
					case "want.toml", "want.remarks":
						want[f.Name] = string(f.Data)
					default:
						files[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o755}
					}
				}
				doc, err := run(world(files), paths, formation)
				if err != nil {
					t.Fatal(err)
				}
				doc.Finish()
				var remarks strings.Builder
				for _, r := range doc.AllRemarks() {
					remarks.WriteString(r.String() + "\n")
				}
				got := map[string]string{"want.toml": accepted(t, doc), "want.remarks": remarks.String()}
				if *update {
					a.Files = append(kept, txtar.File{Name: "want.toml", Data: []byte(got["want.toml"])}, txtar.File{Name: "want.remarks", Data: []byte(got["want.remarks"])})
					if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error("(-want +got)", diff)
				}
			})
		}
	}
}

// accepted gives a document as it is written, when that is a configuration.
func accepted(t *testing.T, doc *imports.Document) string {
	t.Helper()
	var text bytes.Buffer
	if err := doc.Write(&text, "Made by a test"); err != nil {
		t.Fatal(err)
	}
	if len(doc.Services) == 0 {
		return text.String()
	}
	cfg, err := config.Parse("/srv/supervise.toml", text.String())
	if err != nil {
		t.Fatalf("not accepted: %v\n%s", err, text.String())
	}
	for _, w := range cfg.Warnings {
		t.Errorf("warning: %v\n%s", w, text.String())
	}
	return text.String()
}

// Whatever the source is, what is made of it is a configuration.
func fuzz(f *testing.F, format, file string, seeds ...string) {
	archives, _ := filepath.Glob(filepath.Join("testdata", format, "*.txtar"))
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, one := range a.Files {
			if !strings.HasPrefix(one.Name, "want.") {
				f.Add(string(one.Data))
			}
		}
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := fstest.MapFS{file: {Data: []byte(text), Mode: 0o755}}
		if format == "systemd" { // two that know each other, with a socket
			files["u/b.service"] = &fstest.MapFile{Data: []byte("[Unit]\nAfter=a.service\n[Service]\nExecStart=/bin/b\nStandardOutput=append:/log\n[Install]\nAlias=c.service")}
			files["u/a.socket"] = &fstest.MapFile{Data: []byte("[Socket]\nListenStream=80\nListenStream=/run/a")}
		}
		if format == "runit" {
			files["sv/a/log/run"] = files[file]
			files["var/log/a/config"] = files[file]
		}
		paths := map[string][]string{"systemd": {"/u/a.service", "/u/b.service", "/u/a.socket"}, "runit": {"/sv"}}[format]
		if paths == nil {
			paths = []string{"/" + file}
		}
		doc, err := importers[format](world(files), paths, nil)
		if err != nil {
			return
		}
		doc.Finish()
		var out bytes.Buffer
		if err := doc.Write(&out, "fuzz"); err != nil {
			t.Fatal(err)
		}
		if len(doc.Services) == 0 {
			return
		}
		if _, err := config.Parse("/srv/supervise.toml", out.String()); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
	})
}

func FuzzSystemd(f *testing.F) {
	fuzz(f, "systemd", "u/a.service", "[Service]\nExecStart=/bin/a\nKillSignal=99", "[Service]\nExecStart=a\\x00b", "[Unit]\nAfter=b.service\nBefore=c.service\n[Service]\nExecStart=x\nStandardOutput=file:/log\nLimitCPU=1min:2", "[Service]\nExecStart=x\nStandardOutput=file:/")
}

func FuzzSupervisord(f *testing.F) {
	fuzz(f, "supervisord", "etc/s.conf", "[program:a]\ncommand=x\nnumprocs=2\nnumprocs_start=1\nprocess_name=%(process_num)d\nstdout_logfile=/l", "[program:a@1]\ncommand=x\n[program:a]\ncommand=y", "[program:b]\ncommand=a\n  b\n\n c\n;x\n d", "[program:a]\ncommand=x\nstdout_logfile=/")
}

func FuzzProcfile(f *testing.F) { fuzz(f, "procfile", "srv/Procfile", "a: b\na: c", "a-b_c:\tx %i") }

func FuzzRunit(f *testing.F) {
	fuzz(f, "runit", "sv/a/run", "#!/bin/sh\nexec chpst -u :1:2 -m 5 -n -3 x", "exec svlogd -tttt -l 5 /var/log/a", "s100\nn0\nt5\n!gzip")
}
