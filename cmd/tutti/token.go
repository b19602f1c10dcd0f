package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
)

func tokenCommand() *cobra.Command {
	var (
		at      place
		subject string
		claims  []string
		ttl     time.Duration
	)
	cmd := &cobra.Command{
		Use: "token --sub NAME", Short: "Print a token for the demo's key", Args: cobra.NoArgs,
		Example: "  tutti token --sub ann --claim role=admin --ttl 1h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := claimsOf(subject, claims, ttl, time.Now())
			if err != nil {
				return err
			}
			secret, _, err := at.secret()
			if err != nil {
				return err
			}
			signer, err := auth.NewSigner(secret)
			if err != nil {
				return err
			}
			token, err := signer.Sign(c)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	at.register(cmd)
	cmd.Flags().StringVar(&subject, "sub", "", "whose token it is (required)")
	cmd.Flags().StringArrayVar(&claims, "claim", nil, "a further claim: name=text, or name:=JSON")
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long it is valid; 0 is for ever")
	return cmd
}

// claimsOf returns the claims of a token that is made now.
func claimsOf(subject string, claims []string, ttl time.Duration, now time.Time) (tutti.Claims, error) {
	if subject == "" {
		return tutti.Claims{}, errors.New("--sub is missing: whose token is it?")
	}
	c := tutti.Claims{Subject: subject, IssuedAt: now}
	if ttl < 0 {
		return tutti.Claims{}, fmt.Errorf("--ttl %s: the token would have expired already", ttl)
	}
	if ttl != 0 {
		c.ExpiresAt = now.Add(ttl)
	}
	for _, claim := range claims {
		name, value, err := parseClaim(claim)
		if err != nil {
			return tutti.Claims{}, err
		}
		if issuer, ok := value.(string); ok && name == "iss" {
			c.Issuer = issuer
			continue
		}
		if slices.Contains([]string{"sub", "iss", "exp", "iat"}, name) {
			return tutti.Claims{}, fmt.Errorf("--claim %s: set with --sub and --ttl, or as a text", name)
		}
		if c.Extra == nil {
			c.Extra = make(map[string]any)
		}
		c.Extra[name] = value
	}
	return c, nil
}

func parseClaim(claim string) (name string, value any, err error) {
	name, text, ok := strings.Cut(claim, "=")
	if name, isJSON := strings.CutSuffix(name, ":"); isJSON && ok && name != "" {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return "", nil, fmt.Errorf("--claim %s: %w", claim, err)
		}
		return name, value, nil
	}
	if !ok || name == "" {
		return "", nil, fmt.Errorf("--claim %q: want name=text or name:=JSON", claim)
	}
	return name, text, nil
}
