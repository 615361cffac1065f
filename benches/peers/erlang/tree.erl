%% The trees: supervisors that restart without a limit.

-module(tree).
-behaviour(supervisor).
-export([start_link/3, init/1]).

%% A flat tree with so many children, or a chain of so many nodes. The children tell To that they
%% have started.
start_link(simple_one_for_one, N, To) ->
    {ok, Top} = supervisor:start_link(?MODULE, {simple_one_for_one, To}),
    [{ok, _} = supervisor:start_child(Top, [Index]) || Index <- lists:seq(0, N - 1)],
    {ok, Top};
start_link(Shape, N, To) ->
    supervisor:start_link(?MODULE, {Shape, N, To}).

init({simple_one_for_one, To}) ->
    {ok, {unlimited(simple_one_for_one), [child(child, [To])]}};
%% What is above a chain.
init({chain, N, To}) ->
    {ok, {unlimited(one_for_one), [below({first, N, To})]}};
%% The first node: a child that fails takes it with it, as it may restart none.
init({first, N, To}) ->
    Next = next(N - 1, To),
    {ok, {#{intensity => 0, period => 1}, [Next, child(0, [To, 0])]}};
init({next, N, To}) ->
    {ok, {unlimited(one_for_one), [next(N - 1, To)]}};
init({Strategy, N, To}) ->
    {ok, {unlimited(Strategy), [child(Index, [To, Index]) || Index <- lists:seq(0, N - 1)]}}.

%% The next node of a chain, with so many nodes from there on.
next(1, To) -> child(last, [To, last]);
next(N, To) -> below({next, N, To}).

child(Id, Arguments) ->
    #{id => Id, start => {child, start_link, Arguments}}.

below(What) ->
    #{
        id => below,
        start => {supervisor, start_link, [?MODULE, What]},
        type => supervisor,
        shutdown => infinity
    }.

%% A period has to be a second at least, and the restarts of that second are remembered.
unlimited(Strategy) ->
    #{strategy => Strategy, intensity => 1 bsl 40, period => 1}.
