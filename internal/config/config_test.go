package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml/parser"
)

// TestExample loads the documented example and holds it to the defaults.
func TestExample(t *testing.T) {
	c, err := Load("../../docs/rollcall.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := defaults()
	for name, pair := range map[string][2]any{
		"api_url": {c.ConstantContact.APIURL, d.ConstantContact.APIURL}, "rules": {c.Rules, d.Rules},
		"reconcile": {c.Reconcile, d.Reconcile},
		"pace":      {c.Pace, d.Pace}, "console": {c.Console, d.Console}, "log": {c.Log, d.Log}, "slot": {c.Source.Slot, d.Source.Slot},
		"capture": {c.Source.Capture, d.Source.Capture}, "publication": {c.Source.Publication, d.Source.Publication}, "on_new_timeline": {c.Source.OnNewTimeline, d.Source.OnNewTimeline},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s is %v in the example, the default is %v", name, pair[0], pair[1])
		}
	}
	if conn := c.ConstantContact.Connections[0]; conn.Association != "1" || conn.APIKey != "main" || conn.AccessToken.IsSet() {
		t.Errorf("connection is %+v", conn)
	}
	if key, ok := c.ConstantContact.Key("main"); !ok || key.AuthURL != DefaultAuthURL || key.RedirectURL != DefaultRedirectURL ||
		key.ClientSecret.File != "/etc/rollcall/client-secret" || c.State.MasterKeys[0].File != "/etc/rollcall/master-key" {
		t.Errorf("key is %+v, master keys are %+v", key, c.State.MasterKeys)
	}
}

// TestExampleShowsEveryField: a field that the example does not show, live or
// commented out, is one that nobody finds, and one that it shows must exist.
func TestExampleShowsEveryField(t *testing.T) {
	text, err := os.ReadFile("../../docs/rollcall.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := uncommented(string(text))
	c, found := parse([]byte(shown))
	for _, p := range found {
		t.Errorf("with all comments that look like a field taken for one, the example is refused: %s", p)
	}
	d := decoder{lines: map[string]int{}}
	file, err := parser.ParseBytes([]byte(shown), 0)
	if err != nil {
		t.Fatal(err)
	}
	d.decode("", file.Docs[0].Body, reflect.ValueOf(c).Elem())
	numbers := regexp.MustCompile(`\[\d+\]`)
	has := map[string]bool{}
	for at := range d.lines {
		has[numbers.ReplaceAllString(at, "")] = true
	}
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		if typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == secretType {
			return
		}
		for name, field := range fieldsOf(typ) {
			at := strings.TrimPrefix(path+"."+name, ".")
			if !has[at] {
				t.Errorf("docs/rollcall.example.yaml does not show %s", at)
			}
			walk(at, field.Type)
		}
	}
	walk("", reflect.TypeFor[Config]())
}

// uncommented is the example with each line that shows a field as a comment:
// "#" without a space before a field or an entry, as in "  #url: …". It takes the
// place of the empty value above it.
func uncommented(text string) string {
	field := regexp.MustCompile(`(?m)^( *)#( *)(-? ?\{?[a-z_]+: .*)$`)
	text = regexp.MustCompile(`(?m): \[\]\n( *#)`).ReplaceAllString(text, ":\n$1")
	return field.ReplaceAllStringFunc(text, func(line string) string {
		m := field.FindStringSubmatch(line)
		if strings.HasPrefix(m[2], " ") && !strings.HasPrefix(m[3], "-") {
			return line // a sentence
		}
		return m[1] + m[2] + m[3]
	})
}

const smallest = `
source:
  name: chamber
  url: postgres://rollcall@localhost:5432/chamber
`

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rollcall.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

func TestDefaults(t *testing.T) {
	c, err := load(t, smallest+"  password: {env: PW}\nlog: {level: debug}\nconstant_contact: {connections: [{association: a, access_token: {env: T}}]}")
	if err != nil {
		t.Fatal(err)
	}
	if c.State.URL != c.Source.URL || c.State.Password.Env != "PW" {
		t.Errorf("state is %s with password from %q", c.State.URL, c.State.Password.Env)
	}
	if c.Log.Level.Level() != slog.LevelDebug || defaults().Log.Level.Level() != slog.LevelInfo {
		t.Errorf("level is %v", c.Log.Level.Level())
	}
	if c.Log != (Log{"debug", "text"}) || c.Pace != (Pace{2 * time.Second, 10_000, 10}) || !reflect.DeepEqual(c.Rules, defaults().Rules) || c.Source.Slot != "rollcall" {
		t.Errorf("got %+v", c)
	}
	if key := c.ConstantContact.Connections[0].APIKey; key != "main" {
		t.Errorf("api_key is %q", key)
	}
}

func TestOwnStateTakesNoPasswordOfTheSource(t *testing.T) {
	c, err := load(t, smallest+"  password: {env: PW}\nstate: {url: 'postgresql://r@db/state'}\nrules: {on_removed: remove, group_requires_active: true}\npace: {linger: 500ms}")
	if err != nil {
		t.Fatal(err)
	}
	if c.State.Password.IsSet() || c.State.URL != "postgresql://r@db/state" {
		t.Errorf("state is %+v", c.State)
	}
	if c.Rules.OnRemoved != OnRemovedRemove || !c.Rules.GroupRequiresActive || c.Pace.Linger != 500*time.Millisecond {
		t.Errorf("got %+v", c)
	}
}

// TestInvalid: each file begins with the problems it must have, and whatever
// in it contains "s3cret" must not be in the error.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid-*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(string(text)) {
				if w, ok := strings.CutPrefix(line, "# want: "); ok {
					want = append(want, strings.TrimSpace(w))
				}
			}
			_, err = Load(file)
			bad, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("error is %v", err)
			}
			var got []string
			for _, p := range bad.Problems {
				got = append(got, p.String())
			}
			if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
				t.Errorf("got:\n%s\nwant:\n%s", g, w)
			}
			if strings.Contains(strings.ToLower(err.Error()), "s3cret") {
				t.Errorf("the file is quoted: %v", err)
			}
		})
	}
}

func TestMissingAndEmptyFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("missing file: %v", err)
	}
	for _, text := range []string{"", "\n\n", "# nothing\n", "---\n"} {
		_, err := load(t, text)
		if bad, ok := errors.AsType[*Error](err); !ok || len(bad.Problems) != 2 || !strings.Contains(err.Error(), "source.url") {
			t.Errorf("empty file %q: %v", text, err)
		}
	}
	if _, err := load(t, strings.Repeat("#", maxFileBytes+1)); err == nil {
		t.Error("an endless file was accepted")
	}
}

func TestSecretIsRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	full, empty := write("token", "\n tok \n"), write("empty", " \n")
	huge := write("huge", strings.Repeat("x", maxSecretBytes+1))
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("ROLLCALL_TEST_TOKEN", "tok\n")
	t.Setenv("ROLLCALL_TEST_EMPTY", " ")
	for name, tc := range map[string]struct {
		secret  Secret
		problem string // empty: it reads as "tok"
	}{
		"env":                {Secret{Env: "ROLLCALL_TEST_TOKEN"}, ""},
		"file":               {Secret{File: full}, ""},
		"credential":         {Secret{Credential: "token"}, ""},
		"empty env":          {Secret{Env: "ROLLCALL_TEST_EMPTY"}, "environment variable ROLLCALL_TEST_EMPTY is not set or is empty: set it for this process"},
		"empty file":         {Secret{File: empty}, "file " + empty + " is empty: write the secret into it"},
		"missing file":       {Secret{File: dir + "/none"}, "open " + dir + "/none: no such file or directory: create it, readable by this process"},
		"huge file":          {Secret{File: huge}, "file " + huge + " has more than 65536 bytes: it is not a secret"},
		"missing credential": {Secret{Credential: "none"}, "open " + dir + "/none: no such file or directory: create it, readable by this process"},
		"none":               {Secret{}, "is not set: use {env: NAME}, {file: /path} or {credential: NAME}"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.secret.path = "source.password"
			value, err := tc.secret.Read()
			if tc.problem == "" {
				if value != "tok" || err != nil {
					t.Errorf("read %q: %v", value, err)
				}
				return
			}
			if _, ok := errors.AsType[*Error](err); !ok || err.Error() != "configuration: source.password: "+tc.problem {
				t.Errorf("error is %v", err)
			}
		})
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := (Secret{Credential: "token"}).Read(); err == nil || !strings.Contains(err.Error(), "LoadCredential=token:/path") {
		t.Errorf("without systemd: %v", err)
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	s := Secret{Env: "S3CRET"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "source", Source{Password: s}.Password)
	text := log.String() + fmt.Sprintf("%v %+v %#v %s %q %v", s, s, s, s, s, Source{Password: s})
	if strings.Contains(text, "S3CRET") || !strings.Contains(text, "[secret]") {
		t.Errorf("printed %s", text)
	}
}

// FuzzParse: no text makes the parser panic, and none gets through to an error.
func FuzzParse(f *testing.F) {
	f.Add("source: {name: s3cret")
	f.Add("source:\n  s3cret: [\n")
	f.Add("constant_contact: {connections: [{access_token: s3cret}]}")
	f.Add("? s3cret\n: - &s3cret *s3cret\n<<: !!s3cret")
	f.Fuzz(func(t *testing.T, text string) {
		_, found := parse([]byte(text))
		for _, p := range found {
			if strings.Contains(p.String(), "s3cret") {
				t.Errorf("the file is quoted: %s", p)
			}
		}
	})
}
