package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProcfile(t *testing.T) {
	t.Setenv("PORT", "")
	dir := write(t, map[string]string{
		"Procfile": "# the app\r\nweb: sh serve --port $PORT 100%\n\n  worker:sh work\nclock-1 :  sleep 5 # tick\n",
		".env":     "KEY='a b'\n",
	})
	cfg := load(t, dir+"/Procfile")
	if names(cfg) != "clock-1 web worker" {
		t.Fatal(names(cfg))
	}
	want := Defaults(Daemon)
	want.Name, want.Template, want.Where = "web", "web", Position{File: dir + "/Procfile", Line: 2, Col: 1}
	want.Command, want.Dir = []string{"sh", "-c", "sh serve --port $PORT 100%"}, dir
	want.Env, want.EnvFile = []string{"PORT=5000"}, []string{"-" + dir + "/.env"}
	if diff := cmp.Diff(want, cfg.Services[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if clock := cfg.Services[0]; clock.Command[2] != "sleep 5 # tick" || clock.Env[0] != "PORT=5200" {
		t.Errorf("the third line gave %+v", clock)
	}
}

func TestProcfilePorts(t *testing.T) {
	for _, test := range []struct{ env, dotEnv, want string }{
		{"", "", "PORT=5000 PORT=5100"},
		{"3000", "", "PORT=3000 PORT=3100"},
		{"3000", "PORT=4000", "PORT=4000 PORT=4100"},
		{"auto", "", ""},
	} {
		t.Setenv("PORT", test.env)
		dir := write(t, map[string]string{"Procfile.dev": "a: sh\nb: sh\n", ".env": test.dotEnv})
		var got []string
		for _, s := range load(t, dir+"/Procfile.dev").Services {
			got = append(got, s.Env...)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("with PORT %q and .env %q: %q, want %q", test.env, test.dotEnv, got, test.want)
		}
	}
}

func TestEmptyProcfile(t *testing.T) {
	dir := write(t, map[string]string{"Procfile": "# nothing\n"})
	_, err := Load(dir + "/Procfile")
	if want := dir + "/Procfile: there are no services in it; write a line \"name: command\" for each"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// FuzzProcfile wants each line to become a service, an error or nothing.
func FuzzProcfile(f *testing.F) {
	f.Add("web: sh\n# x\n bad\nweb: again")
	f.Fuzz(func(t *testing.T, text string) {
		l := &loader{path: "Procfile", supervisor: defaultSupervisor()}
		l.procfileText("Procfile", text, 5000)
		cfg, err := l.config()
		if (cfg == nil) == (err == nil) {
			t.Fatal(cfg, err)
		}
		if cfg == nil {
			return
		}
		for _, s := range cfg.Services {
			if s.Command[2] == "" || !strings.Contains(text, s.Command[2]) {
				t.Fatalf("%+v", s)
			}
		}
	})
}
