package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

const containerExamples = "../examples/container"

// exampleApp builds the web server of the examples, once.
var exampleApp = sync.OnceValues(func() (string, error) {
	path := filepath.Join(stageDir, "app")
	cmd := exec.Command("go", "build", "-o", path, "supervise/examples/container/app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	return path, withOutput(string(out), err)
})

// kubernetes is what we have to know of kubernetes.yaml.
type kubernetes struct {
	Kind string
	Spec struct {
		Template struct {
			Spec struct {
				TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
				Containers                    []struct {
					Name      string
					Lifecycle struct {
						PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
					}
					StartupProbe   kubernetesProbe `yaml:"startupProbe"`
					ReadinessProbe kubernetesProbe `yaml:"readinessProbe"`
					LivenessProbe  kubernetesProbe `yaml:"livenessProbe"`
				}
			}
		}
	}
}

type kubernetesProbe struct {
	Exec           struct{ Command []string }
	TimeoutSeconds int `yaml:"timeoutSeconds"`
}

// compose is what we have to know of compose.yaml.
type compose struct {
	Services map[string]struct {
		Init            bool
		StopGracePeriod time.Duration `yaml:"stop_grace_period"`
		Healthcheck     struct{ Test []string }
	}
}

func exampleText(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(containerExamples, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readYAML(t testing.TB, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(exampleText(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// The grace periods in the examples are enough for the configurations there.
func TestContainerExamplesFitIntoTheirGracePeriods(t *testing.T) {
	var k kubernetes
	readYAML(t, "kubernetes.yaml", &k)
	pod := k.Spec.Template.Spec
	left := pod.TerminationGracePeriodSeconds - pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds
	var c compose
	readYAML(t, "compose.yaml", &c)
	if k.Kind != "Deployment" || len(c.Services) != 2 {
		t.Fatalf("the examples are not what this test knows: %s, %d services", k.Kind, len(c.Services))
	}
	for name, s := range c.Services {
		if s.Init {
			t.Errorf("%s has an init that is not supervise", name)
		}
	}
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		for _, check := range []struct {
			config string
			grace  time.Duration
			status int
		}{
			{"supervise.toml", time.Duration(left) * time.Second, 0},
			{"supervise.toml", c.Services["app"].StopGracePeriod, 0},
			{"debian.toml", c.Services["nginx"].StopGracePeriod, 0},
			{"supervise.toml", 20 * time.Second, 1},
		} {
			v := contain(s, e, box{
				files: map[string]string{
					"etc/supervise.toml": exampleText(t, check.config), "etc/passwd": "www-data:x:33:33::/:/\n", "etc/group": "www-data:x:33:\n",
					"app": "", "usr/local/bin/app": "", "usr/sbin/nginx": "",
				},
				args: []string{"/supervise", "check", "-c", "/etc/supervise.toml", "--grace", check.grace.String()},
			})
			if got := v.wait(); got != check.status {
				t.Errorf("check of %s with a grace period of %s ends with %d, want %d: %s%s", check.config, check.grace, got, check.status, v.text(v.stdout), v.text(v.stderr))
			}
		}
	})
}

// The example runs as its files say: locked in as far as can be, answering to its
// probes, and ending within the grace period.
func TestContainerExampleAnswersItsProbes(t *testing.T) {
	var k kubernetes
	readYAML(t, "kubernetes.yaml", &k)
	inEachContainer(t, func(t *testing.T, s *stage, e engine) {
		app, err := exampleApp()
		if err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(app)
		if err != nil {
			t.Fatal(err)
		}
		c := contain(s, e, box{
			files:    map[string]string{"etc/supervise.toml": exampleText(t, "supervise.toml"), "app": string(program)},
			args:     []string{"/supervise", "up", "-c", "/etc/supervise.toml"},
			env:      []string{"SUPERVISE_SOCKET=/run/supervise/control.sock"},
			readOnly: true, stripped: true, noGain: true, seccomp: true, user: 65532, writable: []string{"/run/supervise"}, memory: 128 << 20,
		})
		c.answers(k)
	})
}

// The image is built as Dockerfile says, but for the stage that compiles, which
// would need a registry.
func TestContainerImageOfTheExample(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	_, err := exec.LookPath("buildah")
	if err == nil {
		err = works(podman{})
	}
	if err != nil {
		t.Logf("no image can be built and run on this machine (%v); its files are tried without one by TestContainerExampleAnswersItsProbes", err)
		return
	}
	app, err := exampleApp()
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t)
	build, stage, found := strings.Cut(exampleText(t, "Dockerfile"), "\nFROM scratch\n")
	if !found || !strings.Contains(build, "AS build") {
		t.Fatal("Dockerfile has not the two stages that this test knows")
	}
	file := s.file("Dockerfile", "FROM scratch\n"+stage, 0o644)
	sockets := s.path("built/out/root/run/supervise")
	if err := errors.Join(os.MkdirAll(sockets, 0o755), os.Chmod(sockets, os.ModeSticky|0o777)); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"supervise": binary, "app": app} {
		if err := os.Link(path, s.path("built/out/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	image := "localhost/" + newID()
	buildah := exec.Command("buildah", append(storage(), "build", "--format", "docker", "--isolation", "chroot", "--build-context", "build="+s.path("built"),
		"--file", file, "--tag", image, "..")...)
	if out, err := bounded(buildah); err != nil {
		t.Fatalf("building the image: %v\n%s", err, out)
	}
	p := podman{}
	c := prepare(s, p, box{readOnly: true, stripped: true, noGain: true})
	flags := append(p.flags(c), "--tmpfs", "/run/supervise", "--no-healthcheck", "--pull", "never", image)
	c.supervised = s.start(p.call(flags...))
	var k kubernetes
	readYAML(t, "kubernetes.yaml", &k)
	c.answers(k)
}

// answers says that a container of the example answers to the probes of its
// manifest, and stops.
func (c *container) answers(k kubernetes) {
	c.t.Helper()
	c.tells("service.running", "app")
	pod := k.Spec.Template.Spec.Containers[0]
	for _, p := range []kubernetesProbe{pod.StartupProbe, pod.ReadinessProbe, pod.LivenessProbe} {
		if p.TimeoutSeconds <= 5 {
			c.t.Errorf("%v may take 5s, and is given %ds", p.Exec.Command, p.TimeoutSeconds)
		}
		c.succeeds(p.Exec.Command...)
	}
	c.stop(30 * time.Second)
	c.exits(0)
	if !strings.Contains(c.text(c.stdout), "stopping") {
		c.t.Error("the application was not ended by TERM")
	}
}
