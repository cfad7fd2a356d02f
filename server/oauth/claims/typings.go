package claims

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stile-id/stile/server/oauth"
)

// Typings are the TypeScript types of what functions of the claims script are given, and what they may return.
func Typings(s Settings) string {
	names := slices.Sorted(maps.Keys(s))
	for n := range standard() {
		if _, ok := s[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	grants := []string{oauth.GrantCode, oauth.GrantRefresh, oauth.GrantCredentials, oauth.GrantDevice, oauth.GrantBackchannel, oauth.GrantExchange, oauth.GrantAssertion}
	return fmt.Sprintf(typings, either(grants), either([]string{IDToken, AccessToken, Userinfo, Introspection}), either(names))
}

func either(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, strconv.Quote(n))
	}
	return strings.Join(out, " | ")
}

const typings = `// Made by ` + "`stile types`" + ` from the settings; do not edit. What functions of the claims hook are given, and what they may return.

/** How the token is come by. At userinfo and introspection: how its grant was. */
export type GrantType = %s;

/** What the claims are collected for. Functions are called for each of them. */
export type Token = %s;

/** Claims there are in these settings. Others are ignored. */
export type Claim = %s;

/** Any JSON. */
export type Value = null | boolean | number | string | Value[] | { [name: string]: Value };

export type Claims = { [name in Claim]?: Value };

/** Whom something is for. */
export interface Asked {
  /** The account, or the client for a token of its own. */
  subject: string;
  client: string;
  scopes: string[];
  grant_type: GrantType;
  token: Token;
}

type Said<T> = T | undefined | Promise<T | undefined>;

/** A function that claims come from. When it throws, required claims hold the token back and others are left out. */
export type Source = (asked: Asked) => Said<Claims>;

/** The function named claims: it sees what was collected and changes it. null leaves a claim out. */
export type Shape = (asked: Asked & { claims: Claims }) => Said<Claims>;

/** A function that changes one value. Nothing or null leaves the claim out. */
export type Transform = (asked: Asked & { claim: Claim; value: Value }) => Said<Value>;

declare global {
  /** Asks a declared connector by one method with a path, such as { get: "/customers/1" }. No answer in time is an error. */
  function call(connector: string, request: { [method: string]: unknown }): Promise<{ status: number; json?: any }>;
}
`
