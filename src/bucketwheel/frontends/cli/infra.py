"""The commands `infra …`, which print what hosts a repository."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.output import notice, write_answer
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["infra"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def infra() -> None:
    """Print what hosts a repository in AWS; nothing is created."""


_OPTIONS = (
    click.option("--bucket", metavar="NAME", help="A bucket that is not there yet; nothing is read from AWS."),
    click.option("--domain", metavar="D", help="The name of the index, such as pypi.example.com."),
    click.option("--certificate-arn", metavar="A", help="The domain's certificate, in us-east-1."),
    click.option("--hosted-zone", "zone", metavar="Z", help="The id of the domain's zone in Route 53."),
    click.option("--github", metavar="ORG/REPO", help="Make a role for the jobs of this repository, which publish."),
    click.option("--environment", metavar="E", help="The GitHub environment of these jobs.  [default: any tag]"),
    click.option("--github-provider-arn", metavar="A", help="The account's OIDC provider for GitHub, if it has one."),
    click.option(
        "--reader", "readers", metavar="ARN", multiple=True, help="Make a role for readers that this principal takes."
    ),
    click.option("--basic-auth", is_flag=True, help="Ask readers for a name and a token; see docs/hosting.md."),
    click.option("--public", is_flag=True, help="Let everybody read and list the bucket, without CloudFront."),
)


def _hosted(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of hosting."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@infra.command()
@_hosted
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the template there.")
@takes(repository="The repository to host")
def cloudformation(invocation: Invocation, *, output: Path | None, **options: Any) -> None:  # noqa: ANN401 - see _hosted
    """Print the template of a CloudFormation stack: bucket, CloudFront and roles."""
    [text] = _render(invocation, "cloudformation", options).values()
    _write(invocation, {"template": text}, {} if output is None else {output: text})


@infra.command()
@_hosted
@click.option("-o", "--output-dir", type=click.Path(path_type=Path), metavar="DIR", help="Write the files there.")
@takes(repository="The repository to host")
def terraform(invocation: Invocation, *, output_dir: Path | None, **options: Any) -> None:  # noqa: ANN401 - see _hosted
    """Print the same for Terraform: main.tf, variables.tf and outputs.tf."""
    texts = _render(invocation, "terraform", options)
    _write(invocation, texts, {} if output_dir is None else {output_dir / name: text for name, text in texts.items()})


@infra.command(name="iam-policy")
@click.argument("commands", metavar="COMMAND...", nargs=-1)
@takes(repository="The repository that the commands work on")
def iam_policy(invocation: Invocation, *, commands: tuple[str, ...]) -> None:
    """Print the IAM policy with what these commands need on a repository, and no more."""
    with invocation.begin() as (settings, report):
        document = bucketwheel.iam_policy(settings, commands, report=report)
    write_answer(json.dumps(document, indent=2))


def _render(
    invocation: Invocation, language: Literal["cloudformation", "terraform"], options: dict[str, Any]
) -> Mapping[str, str]:
    bucket = options.pop("bucket")
    required = ("repository",) if bucket is None else ()
    with invocation.begin(required=required) as (settings, report):
        wanted = bucketwheel.Hosting(**options)
        return bucketwheel.infra(settings, wanted, language=language, new_bucket=bucket, report=report)


def _write(invocation: Invocation, texts: Mapping[str, str], files: Mapping[Path, str]) -> None:
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            notice(f"wrote {path}")
    except OSError as error:
        problem = bucketwheel.Problem(
            subject=str(error.filename), what=f"cannot be written ({error.strerror})", remedy="choose another with -o"
        )
        raise bucketwheel.Refused(problem) from None
    if invocation.as_json:
        write_answer(json.dumps(texts, indent=2))
    elif not files:
        write_answer("\n".join(text.rstrip("\n") + "\n" for text in texts.values()).rstrip("\n"))
