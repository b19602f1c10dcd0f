package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// installTime is how long npm may take; better-sqlite3 may have to be compiled.
const installTime = 10 * time.Minute

// install brings the packages of package-lock.json into dir, unless they are there.
func install(ctx context.Context, dir string, stderr io.Writer) error {
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	sum := sha256.Sum256(lock)
	stamp, mark := filepath.Join(dir, "node_modules", ".tutti-installed"), hex.EncodeToString(sum[:])
	if have, err := os.ReadFile(stamp); err == nil && string(have) == mark {
		return nil
	}
	fmt.Fprintln(stderr, "npm ci (a minute or two, the first time)")
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, stderr, stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("npm ci in %s: %w", dir, err)
	}
	if err := os.WriteFile(stamp, []byte(mark), 0o600); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

// version returns the version of an installed package; "" when it is not there.
func version(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", name, "package.json"))
	if err != nil {
		return ""
	}
	var p struct{ Version string }
	_ = json.Unmarshal(text, &p) // of a package that npm has read
	return p.Version
}

// build compiles the program tutti into dir.
func build(ctx context.Context, root, dir string) (string, error) {
	program := filepath.Join(dir, "tutti")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/tutti")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tutti: %w\n%s", err, out)
	}
	return program, nil
}

// moduleRoot returns the directory of this module, in which the program must be started.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	root := filepath.Dir(string(bytes.TrimSpace(out)))
	if _, err := os.Stat(filepath.Join(root, "bench", "peers", "package.json")); err != nil {
		return "", errors.New("start it inside this repository")
	}
	return root, nil
}

// dataDirectory makes a directory where there is a disk: the one for temporary files may be memory.
func dataDirectory() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	dir, err := os.MkdirTemp(base, "tutti-peers-*")
	if err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	return dir, nil
}

// versions names what runs here.
func versions(ctx context.Context) string {
	text := runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version()
	if out, err := exec.CommandContext(ctx, "node", "--version").Output(); err == nil {
		text += ", Node.js " + strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
	}
	return text
}
