//go:build tools

// Package lint pins the programs that check the Kubernetes manifests.
package lint

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "sigs.k8s.io/kustomize/kustomize/v5"
)
