package report

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser returns the path of a Chromium, or skips.
func browser(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no browser is installed here: apt-get install chromium")
	return ""
}

// wire is a proxy that answers nothing and remembers whom it was asked for.
type wire struct {
	mu    sync.Mutex
	asked []string
}

func (w *wire) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("no port to listen on: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				w.mu.Lock()
				w.asked = append(w.asked, r.Host)
				w.mu.Unlock()
			}()
		}
	}()
	return l.Addr().String()
}

// own are hosts that the browser itself may look for, whatever page it shows.
var own = regexp.MustCompile(`(^|\.)(google|googleapis|gstatic|gvt1|gvt2|chrome|chromium)\.(com|org)(:|$)`)

func (w *wire) outside() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var hosts []string
	for _, h := range w.asked {
		if !own.MatchString(h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

var console = regexp.MustCompile(`(?m)^.*CONSOLE.*$`)

// open loads a page in a browser and returns its document, what it wrote to the console, and the hosts it asked for.
func open(t *testing.T, html string) (document string, messages, hosts []string) {
	t.Helper()
	program := browser(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-domain-reliability", "--disable-extensions", "--enable-logging=stderr", "--v=0",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--proxy-server="+w.listen(t), "--proxy-bypass-list=<-loopback>", "--virtual-time-budget=3000", "--dump-dom", "file://"+file)
	cmd.WaitDelay = 5 * time.Second
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Skipf("the browser that is installed does not run here: %v\n%.2000s", err, log.String())
	}
	return out.String(), console.FindAllString(log.String(), -1), w.outside()
}

// The page opens in a browser without a message, and asks nobody for anything. The control is a page that does both.
func TestInBrowser(t *testing.T) {
	browser(t)
	html := draw(t, closing(t))
	document, messages, hosts := open(t, html)
	if got, want := strings.Count(document, "<tr>"), strings.Count(html, "<tr>"); got != want {
		t.Errorf("the browser sees %d rows of tables, there are %d", got, want)
	}
	if got, want := strings.Count(document, "<path"), strings.Count(html, "<path"); got != want {
		t.Errorf("the browser sees %d paths, there are %d", got, want)
	}
	if len(messages) > 0 {
		t.Errorf("the console says %q", messages)
	}
	if len(hosts) > 0 {
		t.Errorf("the page asks for %q", hosts)
	}

	bad := strings.Replace(html, `<meta http-equiv="Content-Security-Policy"`, `<meta name="none"`, 1)
	bad = strings.Replace(bad, "</body>", `<img src="http://outside.example/x.png"><script>missing()</script></body>`, 1)
	_, messages, hosts = open(t, bad)
	if len(messages) == 0 || len(hosts) == 0 {
		t.Errorf("control: a page with a fault and a request shows %q and %q", messages, hosts)
	}
	forbidden := strings.Replace(html, "</body>", `<img src="http://outside.example/x.png"><script>missing()</script></body>`, 1)
	if _, messages, hosts = open(t, forbidden); len(hosts) > 0 || len(messages) == 0 {
		t.Errorf("control: the page's policy lets it ask for %q, and the console says %q", hosts, messages)
	}
}
