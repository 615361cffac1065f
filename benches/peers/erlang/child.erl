%% A child: tells that it has started, and fails when it is told to.

-module(child).
-behaviour(gen_server).
-export([start_link/2, init/1, handle_call/3, handle_cast/2]).

start_link(To, Index) ->
    gen_server:start_link(?MODULE, {To, Index}, []).

init({To, Index}) ->
    To ! {started, Index, self()},
    {ok, none}.

handle_call(_, _, State) ->
    {reply, ok, State}.

handle_cast(fail, State) ->
    {stop, again, State}.
