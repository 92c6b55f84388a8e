#!/usr/bin/python3
"""Which credentials botocore takes in this environment: botocore_choice.py URL [PROFILE].

Its STS, SSO and OIDC are asked at URL. Prints JSON: {"provider", "access_key_id"}, or {"error"}.
"""
import getpass
import json
import sys

getpass.getpass = lambda *_: "123456"

import botocore.session  # noqa: E402


def main():
    url, profile = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    session = botocore.session.Session(profile=profile)
    create = session.create_client
    session.create_client = lambda name, *a, **more: create(
        name,
        *a,
        **{**more, "endpoint_url": url, "region_name": more.get("region_name") or "us-east-1"},
    )
    try:
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found else None
    except Exception as why:
        print(json.dumps({"error": f"{type(why).__name__}: {why}"}))
        return
    print(
        json.dumps(
            {
                "provider": found.method if found else None,
                "access_key_id": keys.access_key if keys else None,
            }
        )
    )


main()
