package exports_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"supervise/internal/config"
	"supervise/internal/exports"
	"supervise/internal/exports/compose"
	"supervise/internal/exports/kubernetes"
	"supervise/internal/exports/systemd"
)

var update = flag.Bool("update", false, "write what the exports make into testdata/want")

var exporters = map[string]func([]config.Service, exports.Options) exports.Result{
	"systemd": systemd.Export, "compose": compose.Export, "kubernetes": kubernetes.Export,
}

// options are those of all tests: one service has no image.
var options = exports.Options{Name: "app", Dir: "/srv/app", Images: func(service string) string {
	if service == "beacon" {
		return ""
	}
	return "registry.example/" + service + ":1.2"
}}

// services are those of testdata/app.toml.
func services(t *testing.T) []config.Service {
	t.Helper()
	text, err := os.ReadFile("testdata/app.toml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("/srv/app/supervise.toml", string(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Services
}

func TestExports(t *testing.T) {
	for format, export := range exporters {
		t.Run(format, func(t *testing.T) {
			r := export(services(t), options)
			got := map[string]string{}
			for _, f := range r.Files {
				got[f.Name] = f.Data
			}
			var remarks strings.Builder
			for _, remark := range r.Remarks {
				fmt.Fprintln(&remarks, remark)
			}
			got["remarks"] = remarks.String()
			dir := filepath.Join("testdata/want", format)
			if *update {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				for name, data := range got {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				return
			}
			want := map[string]string{}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				data, err := os.ReadFile(filepath.Join(dir, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				want[e.Name()] = string(data)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("(-want +got)", diff)
			}
		})
	}
}

// documents reads YAML, one value for each document.
func documents(t *testing.T, text string) []any {
	t.Helper()
	var all []any
	d := yaml.NewDecoder(strings.NewReader(text))
	for {
		var v any
		if err := d.Decode(&v); err != nil {
			if err.Error() == "EOF" {
				return all
			}
			t.Fatalf("%v\n%s", err, text)
		}
		all = append(all, v)
	}
}

// The schema of compose-spec knows every key and its values. It does not know
// that what is depended on has to be there.
func TestCurl(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1:80/a":                "curl -fsS -o /dev/null -H A: b http://127.0.0.1:80/a",
		"unix:///run/app.sock:/health?at=9:30": "curl -fsS -o /dev/null --unix-socket /run/app.sock -H A: b http://localhost/health?at=9:30",
	} {
		got := strings.Join(exports.Curl(&config.Probe{URL: url, Header: []string{"A: b"}}), " ")
		if got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestTheComposeFileHoldsAgainstItsSchema(t *testing.T) {
	text := compose.Export(services(t), options).Files[0].Data
	file := documents(t, text)[0]
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile("testdata/schema/compose-spec.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(asJSON(t, file)); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	all := file.(map[string]any)["services"].(map[string]any)
	for name, s := range all {
		needs, _ := s.(map[string]any)["depends_on"].(map[string]any)
		for other, how := range needs {
			if all[other] == nil {
				t.Errorf("%s depends on %s, which is not there", name, other)
				continue
			}
			healthy := how.(map[string]any)["condition"] == "service_healthy"
			if _, checks := all[other].(map[string]any)["healthcheck"]; healthy && !checks {
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			}
		}
	}
	if want := []any{"./migrate"}; len(all) < 7 || cmp.Equal(all["migrate"], want) {
		t.Errorf("services: %v", all)
	}
}

// asJSON gives a value as a reader of JSON would.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// No field of the manifest is unknown to the API, or of another type.
func TestTheManifestHasOnlyFieldsOfTheAPI(t *testing.T) {
	text := kubernetes.Export(services(t), options).Files[0].Data
	kinds := map[string]int{}
	names := map[string]bool{}
	for _, d := range documents(t, text) {
		object := d.(map[string]any)
		id := fmt.Sprint(object["apiVersion"], " ", object["kind"])
		kinds[id]++
		name := fmt.Sprint(id, object["metadata"].(map[string]any)["name"])
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
		file := map[string]string{"apps/v1 Deployment": "apps.v1.Deployment", "batch/v1 Job": "batch.v1.Job", "v1 Service": "core.v1.Service"}[id]
		data, err := os.ReadFile("testdata/schema/" + file + ".json")
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		var full any
		if err := json.Unmarshal(data, &full); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range unlike(asPlain(t, object), full, id) {
			t.Error(wrong)
		}
	}
	if kinds["apps/v1 Deployment"] < 4 || kinds["batch/v1 Job"] != 1 || kinds["v1 Service"] < 2 {
		t.Errorf("objects: %v", kinds)
	}
	if wrong := unlike(map[string]any{"spec": map[string]any{"replica": 1.0}}, map[string]any{"spec": map[string]any{"replicas": 1.0}}, ""); len(wrong) != 1 {
		t.Errorf("a field that is unknown passed: %v", wrong)
	}
}

func asPlain(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// unlike holds a value against one that has every field.
func unlike(v, full any, path string) []string {
	switch v := v.(type) {
	case map[string]any:
		known, ok := full.(map[string]any)
		if !ok {
			return []string{path + " is no object"}
		}
		var wrong []string
		for key, value := range v {
			like, there := known[key]
			if strings.HasSuffix(path, ".labels") || strings.HasSuffix(path, ".matchLabels") || strings.HasSuffix(path, "Service.spec.selector") {
				like, there = "", true // keys of one's own
			}
			if !there {
				wrong = append(wrong, path+"."+key+" is unknown")
				continue
			}
			wrong = append(wrong, unlike(value, like, path+"."+key)...)
		}
		return wrong
	case []any:
		known, ok := full.([]any)
		if !ok || len(known) == 0 {
			return []string{path + " is no array"}
		}
		var wrong []string
		for _, e := range v {
			wrong = append(wrong, unlike(e, known[0], path)...)
		}
		return wrong
	}
	// A port may be a number or a name.
	if fmt.Sprintf("%T", v) != fmt.Sprintf("%T", full) && !strings.HasSuffix(strings.ToLower(path), "port") {
		return []string{fmt.Sprintf("%s is a %T, expected a %T", path, v, full)}
	}
	return nil
}

// go-systemd reads every line of every unit.
func TestUnitsAreReadByGoSystemd(t *testing.T) {
	for _, f := range systemd.Export(services(t), options).Files {
		read, err := unit.DeserializeOptions(strings.NewReader(f.Data))
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		lines := 0
		for line := range strings.Lines(f.Data) {
			if strings.Contains(line, "=") && line[0] != '#' {
				lines++
			}
		}
		if len(read) != lines {
			t.Errorf("%s: %d of %d settings were read", f.Name, len(read), lines)
		}
	}
}

// Whatever a configuration says, what is exported can be read.
func FuzzExports(f *testing.F) {
	text, err := os.ReadFile("testdata/app.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("[services.a]\ncommand = ['-x', '\"', '$', '%%', '\\', \"\\n\\u0007\\u007f\", ' ', '', '- a: b', '#', 'yes', '\u2028', '🙂']\nenv = { A = \"\\t'\" }")
	f.Add("[services.\"a@2\"]\ncommand = 'x'\nready = { kind = 'tcp', address = 'unix:///x' }\n[services.A_b]\ncommand = 'y'\nneeds = ['a']\nstop.ladder = [{signal='KILL',wait=0}]")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := config.Parse("/srv/app/supervise.toml", text)
		if err != nil {
			return
		}
		for format, export := range exporters {
			for _, file := range export(cfg.Services, options).Files {
				if format != "systemd" {
					commands := commandsIn(documents(t, file.Data))
					for _, s := range cfg.Services {
						if !slices.ContainsFunc(commands, func(c []string) bool { return slices.Equal(c, escaped(format, s.Command)) }) {
							t.Fatalf("%q is not in\n%s", s.Command, file.Data)
						}
					}
				}
			}
		}
	})
}

func escaped(format string, words []string) []string {
	out := slices.Clone(words)
	for i := range out {
		if format == "compose" {
			out[i] = strings.ReplaceAll(out[i], "$", "$$")
		} else {
			out[i] = strings.ReplaceAll(out[i], "$(", "$$(")
		}
	}
	return out
}

// commandsIn finds all that is called command.
func commandsIn(v any) [][]string {
	var out [][]string
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			out = append(out, commandsIn(e)...)
		}
	case map[string]any:
		for key, value := range v {
			if list, ok := value.([]any); ok && key == "command" {
				var words []string
				for _, w := range list {
					words = append(words, fmt.Sprint(w))
				}
				out = append(out, words)
				continue
			}
			out = append(out, commandsIn(value)...)
		}
	}
	return out
}
