"""IAM for the embedded AWS: who calls, what the call needs, and whether the policies in force allow it.

    patterns, conditions, policy, evaluation    pure: the policy language and AWS's rule for one account
    calls (services/*)                          an API call as the actions, resources and keys that it asks for
    principals, resource_policies               what moto knows of roles, and of policies on keys, buckets, queues ...
    authorization                               joins them at the door for all calls
    refusals                                    a refusal in the service's own words
    usage, report                               what was granted and never used

Nothing here guesses. An operator, a condition key or an API call that it does not know is an error that names it: to
ignore a condition would be an allow that AWS does not give.
"""
