// Package docs_test follows the pages of this folder as a reader would.
package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGettingStarted does what the page says, in a copy of the project. What is
// to be done with a block of code stands in a comment before it, which readers
// do not see: file, edit ... after, or run.
func TestGettingStarted(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	project := copyOfProject(t)
	steps := steps(string(page))
	if len(steps) < 8 {
		t.Fatalf("found %d steps in the page, want all of them", len(steps))
	}
	for _, s := range steps {
		if err := s.do(project); err != nil {
			t.Fatalf("%s: %v", s.directive, err)
		}
	}
}

// step is a block of code and what is to be done with it.
type step struct{ directive, code string }

func steps(page string) []step {
	block := regexp.MustCompile("(?s)<!-- ([^\n]*?) -->\n```[a-z]+\n(.*?)```\n")
	var result []step
	for _, match := range block.FindAllStringSubmatch(page, -1) {
		result = append(result, step{directive: match[1], code: match[2]})
	}
	return result
}

func (s step) do(project string) error {
	if file, ok := strings.CutPrefix(s.directive, "file: "); ok {
		return os.WriteFile(filepath.Join(project, file), []byte(s.code), 0o600)
	}
	if edit, ok := strings.CutPrefix(s.directive, "edit: "); ok {
		file, after, _ := strings.Cut(edit, " after: ")
		return insert(filepath.Join(project, file), after, s.code)
	}
	if s.directive == "run" {
		command := exec.Command("sh", "-e", "-c", s.code)
		command.Dir = project
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, output)
		}
		return nil
	}
	return fmt.Errorf("unknown directive")
}

// insert puts code behind the only line of the file that has the anchor.
func insert(file, anchor, code string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if n := strings.Count(string(content), anchor+"\n"); n != 1 {
		return fmt.Errorf("%q stands %d times in the file, want once", anchor, n)
	}
	changed := strings.Replace(string(content), anchor+"\n", anchor+"\n"+code, 1)
	return os.WriteFile(file, []byte(changed), 0o600)
}

// copyOfProject copies the files that git knows, or would take.
func copyOfProject(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range projectFiles(t) {
		content, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// projectFiles are the files that git knows, or would take, by their paths from
// the top of the project.
func projectFiles(t *testing.T, patterns ...string) []string {
	t.Helper()
	args := append([]string{"ls-files", "--cached", "--others", "--exclude-standard", "--"}, patterns...)
	list := exec.Command("git", args...)
	list.Dir = ".."
	output, err := list.Output()
	if err != nil {
		t.Fatalf("list the files of the project: %v", err)
	}
	return strings.Fields(string(output))
}

// TestLinks finds links to pages and pictures that are not there.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := projectFiles(t, "*.md")
	if len(pages) < 10 {
		t.Fatalf("found %d pages, want all of them", len(pages))
	}
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	for _, page := range pages {
		page = filepath.Join("..", page)
		content, err := os.ReadFile(page)
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(string(content), ""), -1) {
			if strings.Contains(match[1], "://") || strings.HasPrefix(match[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, match[1])
			}
		}
	}
}
