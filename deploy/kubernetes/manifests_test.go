package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"rollcall/internal/config"
)

type meta struct {
	Name        string            `yaml:"name"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

type Object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   meta   `yaml:"metadata"`
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type probe struct {
	HTTPGet struct {
		Path string `yaml:"path"`
		Port string `yaml:"port"`
	} `yaml:"httpGet"`
	PeriodSeconds    int `yaml:"periodSeconds"`
	TimeoutSeconds   int `yaml:"timeoutSeconds"`
	FailureThreshold int `yaml:"failureThreshold"`
}

type container struct {
	Name            string   `yaml:"name"`
	Image           string   `yaml:"image"`
	ImagePullPolicy string   `yaml:"imagePullPolicy"`
	Args            []string `yaml:"args"`
	Ports           []struct {
		Name          string `yaml:"name"`
		ContainerPort int    `yaml:"containerPort"`
	} `yaml:"ports"`
	StartupProbe   probe `yaml:"startupProbe"`
	LivenessProbe  probe `yaml:"livenessProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
	Resources      struct {
		Requests map[string]string `yaml:"requests"`
		Limits   map[string]string `yaml:"limits"`
	} `yaml:"resources"`
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct {
			Drop []string `yaml:"drop"`
		} `yaml:"capabilities"`
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type deployment struct {
	Object `yaml:",inline"`
	Spec   struct {
		Replicas             int      `yaml:"replicas"`
		RevisionHistoryLimit int      `yaml:"revisionHistoryLimit"`
		Selector             selector `yaml:"selector"`
		Strategy             struct {
			Type          string `yaml:"type"`
			RollingUpdate struct {
				MaxSurge       int  `yaml:"maxSurge"`
				MaxUnavailable *int `yaml:"maxUnavailable"`
			} `yaml:"rollingUpdate"`
		} `yaml:"strategy"`
		Template struct {
			Metadata meta `yaml:"metadata"`
			Spec     struct {
				ServiceAccountName            string `yaml:"serviceAccountName"`
				AutomountServiceAccountToken  *bool  `yaml:"automountServiceAccountToken"`
				EnableServiceLinks            *bool  `yaml:"enableServiceLinks"`
				TerminationGracePeriodSeconds int    `yaml:"terminationGracePeriodSeconds"`
				SecurityContext               struct {
					RunAsNonRoot   bool              `yaml:"runAsNonRoot"`
					RunAsUser      int               `yaml:"runAsUser"`
					RunAsGroup     int               `yaml:"runAsGroup"`
					FSGroup        int               `yaml:"fsGroup"`
					SeccompProfile map[string]string `yaml:"seccompProfile"`
				} `yaml:"securityContext"`
				TopologySpreadConstraints []struct {
					MaxSkew           int      `yaml:"maxSkew"`
					TopologyKey       string   `yaml:"topologyKey"`
					WhenUnsatisfiable string   `yaml:"whenUnsatisfiable"`
					LabelSelector     selector `yaml:"labelSelector"`
				} `yaml:"topologySpreadConstraints"`
				Containers []container `yaml:"containers"`
				Volumes    []struct {
					Name      string `yaml:"name"`
					ConfigMap struct {
						Name string `yaml:"name"`
					} `yaml:"configMap"`
					Secret struct {
						SecretName  string `yaml:"secretName"`
						DefaultMode int    `yaml:"defaultMode"`
					} `yaml:"secret"`
				} `yaml:"volumes"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type configMap struct {
	Object `yaml:",inline"`
	Data   map[string]string `yaml:"data"`
}

type serviceAccount struct {
	Object                       `yaml:",inline"`
	AutomountServiceAccountToken bool `yaml:"automountServiceAccountToken"`
}

type disruptionBudget struct {
	Object `yaml:",inline"`
	Spec   struct {
		MinAvailable int      `yaml:"minAvailable"`
		Selector     selector `yaml:"selector"`
	} `yaml:"spec"`
}

type networkPolicy struct {
	Object `yaml:",inline"`
	Spec   struct {
		PodSelector selector `yaml:"podSelector"`
		PolicyTypes []string `yaml:"policyTypes"`
		Ingress     []struct {
			Ports []struct {
				Protocol string `yaml:"protocol"`
				Port     string `yaml:"port"`
			} `yaml:"ports"`
		} `yaml:"ingress"`
	} `yaml:"spec"`
}

// manifests reads the objects of the file. A field that Kubernetes does not have
// there, as far as these types know it, is an error.
func manifests(t *testing.T) (d deployment, c configMap, b disruptionBudget, n networkPolicy) {
	t.Helper()
	text, err := os.ReadFile("rollcall.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var account serviceAccount
	into := map[string]any{
		"v1/ServiceAccount": &account, "v1/ConfigMap": &c, "apps/v1/Deployment": &d, "policy/v1/PodDisruptionBudget": &b, "networking.k8s.io/v1/NetworkPolicy": &n,
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var o Object
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatal(err)
		}
		kind := o.APIVersion + "/" + o.Kind
		target := into[kind]
		delete(into, kind)
		if target == nil {
			t.Fatalf("there is a %s, or a second one", kind)
		}
		if err := yaml.UnmarshalWithOptions([]byte(document), target, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if o.Metadata.Name == "" || o.Metadata.Labels["app.kubernetes.io/name"] != "rollcall" {
			t.Errorf("%s has the name %q and labels %v", kind, o.Metadata.Name, o.Metadata.Labels)
		}
	}
	for kind := range into {
		t.Errorf("there is no %s", kind)
	}
	if account.AutomountServiceAccountToken {
		t.Error("the account has a token")
	}
	return d, c, b, n
}

func TestManifests(t *testing.T) {
	d, _, b, n := manifests(t)
	pod := d.Spec.Template
	for what, s := range map[string]selector{
		"Deployment": d.Spec.Selector, "PodDisruptionBudget": b.Spec.Selector, "NetworkPolicy": n.Spec.PodSelector, "spread": pod.Spec.TopologySpreadConstraints[0].LabelSelector,
	} {
		for key, value := range s.MatchLabels {
			if pod.Metadata.Labels[key] != value || len(s.MatchLabels) == 0 {
				t.Errorf("%s selects %v, the pods have %v", what, s.MatchLabels, pod.Metadata.Labels)
			}
		}
	}
	if len(pod.Spec.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Spec.Containers))
	}
	c := pod.Spec.Containers[0]
	port := c.Ports[0]
	for probe, path := range map[probe]string{c.StartupProbe: "/healthz", c.LivenessProbe: "/healthz", c.ReadinessProbe: "/readyz"} {
		if probe.HTTPGet.Path != path || probe.HTTPGet.Port != port.Name {
			t.Errorf("a probe asks %+v", probe.HTTPGet)
		}
	}
	if n.Spec.Ingress[0].Ports[0].Port != port.Name {
		t.Error("the metrics cannot be reached")
	}
	// While one pod is replaced another does the work.
	if d.Spec.Replicas < 2 || d.Spec.Strategy.RollingUpdate.MaxUnavailable == nil || *d.Spec.Strategy.RollingUpdate.MaxUnavailable != 0 || b.Spec.MinAvailable != 1 {
		t.Error("nobody stands by")
	}
	s, ps := c.SecurityContext, pod.Spec.SecurityContext
	if !ps.RunAsNonRoot || ps.RunAsUser == 0 || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem ||
		len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || ps.SeccompProfile["type"] != "RuntimeDefault" {
		t.Errorf("the pod may do more than it needs: %+v, %+v", ps, s)
	}
	if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken || pod.Spec.TerminationGracePeriodSeconds < 60 {
		t.Error("the pod has a token, or no time to end")
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] || !m.ReadOnly {
			t.Errorf("mount %+v", m)
		}
	}
}

// The configuration of the manifests is one, and its port is the probes'.
func TestManifestsConfiguration(t *testing.T) {
	d, m, _, _ := manifests(t)
	path := filepath.Join(t.TempDir(), "rollcall.yaml")
	if err := os.WriteFile(path, []byte(m.Data["rollcall.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c := d.Spec.Template.Spec.Containers[0]
	if cfg.Metrics.Listen != ":9464" || c.Ports[0].ContainerPort != 9464 {
		t.Errorf("it listens on %s, probes ask port %d", cfg.Metrics.Listen, c.Ports[0].ContainerPort)
	}
	if mounted := c.VolumeMounts[1].MountPath + "/"; !strings.HasPrefix(cfg.Source.Password.File, mounted) || !strings.HasPrefix(cfg.State.MasterKeys[0].File, mounted) {
		t.Errorf("secrets are mounted in %s", mounted)
	}
}
