// compose-check reads compose files as docker compose does, by the library that it reads them with:
// syntax, schema, variables, anchors, overrides, what refers to what.
//
//	compose-check FILE [OVERRIDE ...]
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithOsEnv)
	if err == nil {
		_, err = options.LoadProject(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
