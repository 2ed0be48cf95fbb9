"""What a request needs to be allowed, and how to say so when it is not."""

from __future__ import annotations

import re

import msgspec

# What an authorizer says (kubernetes/apiserver, pkg/endpoints/handlers/responsewriters/errors.go, forbiddenMessage).
# Everything else that is forbidden was allowed, and then refused by something that checks objects.
_UNAUTHORIZED = re.compile(r'User ".*" cannot [a-z]+ (resource|path) ', re.DOTALL)


class Right(msgspec.Struct, frozen=True):
    """May do `verb` to `resource` of an API group ("" for the core), in `namespace` ("" for the whole cluster)."""

    verb: str
    group: str
    resource: str
    namespace: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace!r}" if self.namespace else ""
        return f"{self.verb} {self.resource}{where}"


def is_missing_right(message: str) -> bool:
    """Tell whether what the API said when it answered 403 means that a rule is missing, rather than that a check said no."""
    return _UNAUTHORIZED.search(message) is not None


def rule_text(right: Right) -> str:
    """Return the rule that a Role or ClusterRole lacks, as YAML."""
    return f'- apiGroups: ["{right.group}"]\n  resources: ["{right.resource}"]\n  verbs: ["{right.verb}"]'


def how_to_grant(right: Right) -> str:
    """Return the next step for somebody who lacks a right."""
    where = f"a Role of namespace {right.namespace!r}" if right.namespace else "a ClusterRole"
    return f"your account lacks this rule in {where}; `volrewind rbac` prints whole roles\n{rule_text(right)}"
